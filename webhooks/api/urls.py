"""Routes of the webhooks app."""

from django.urls import path

from webhooks.api.views.deliveries import DeliveryRetryView, DeliveryView
from webhooks.api.views.subscribers import (
    SubscriberDeliveriesView,
    SubscriberRotationView,
    SubscribersView,
    SubscriberTestView,
    SubscriberToggleView,
    SubscriberView,
)

urlpatterns = [
    path("api/webhooks/subscribers", SubscribersView.as_view()),
    path("api/webhooks/subscribers/<str:id>", SubscriberView.as_view()),
    path("api/webhooks/subscribers/<str:id>/test", SubscriberTestView.as_view()),
    path("api/webhooks/subscribers/<str:id>/toggle", SubscriberToggleView.as_view()),
    path("api/webhooks/subscribers/<str:id>/rotate-secret", SubscriberRotationView.as_view()),
    path("api/webhooks/subscribers/<str:id>/deliveries", SubscriberDeliveriesView.as_view()),
    path("api/webhooks/deliveries/<str:id>", DeliveryView.as_view()),
    path("api/webhooks/deliveries/<str:id>/retry", DeliveryRetryView.as_view()),
]
