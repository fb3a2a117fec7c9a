"""Views of features."""

from __future__ import annotations

from billing.api.features import FeatureChange, FeatureInput, FeatureOutput
from billing.enums import FeatureStatus, FeatureType
from billing.models import Feature
from billing.representations import feature_body
from billing.selectors import features, get_feature
from billing.services.features import archive_feature, create_feature, delete_feature, update_feature
from common.api.filters import choice_filter, text_filter
from common.api.operation import operation
from common.ids import encode_id
from common.prefixes import FEATURE
from tenants.api.view import Answer, Call, TenantView, path_id


class FeaturesView(TenantView):
    """`/api/features`."""

    @operation(
        "catalogue:read",
        "List features",
        answers={200: FeatureOutput},
        filters=[
            text_filter("key", max_length=64),
            choice_filter("type", FeatureType.values),
            choice_filter("status", FeatureStatus.values),
        ],
        paged=True,
    )
    def get(self, call: Call) -> Answer:
        """Features, newest first."""
        return call.listing(features(tenant_id=call.tenant_id, condition=call.filters()), feature_body)

    @operation(
        "catalogue:write", "Create a feature", answers={201: FeatureOutput}, body=FeatureInput,
        refusals={404: ["not_found"], 409: ["already_exists"]},
    )  # fmt: skip
    def post(self, call: Call) -> Answer:
        """A new feature."""
        feature = create_feature(tenant_id=call.tenant_id, at=call.at, **call.data)
        return Answer(201, feature_body(feature), location=location_of(feature))


class FeatureView(TenantView):
    """`/api/features/{id}`."""

    @operation("catalogue:read", "Get a feature", answers={200: FeatureOutput})
    def get(self, call: Call, id: str) -> Answer:  # noqa: A002
        """One feature."""
        return Answer(200, feature_body(get_feature(tenant_id=call.tenant_id, feature_id=path_id(FEATURE, id))))

    @operation(
        "catalogue:write", "Update a feature", answers={200: FeatureOutput}, body=FeatureChange, partial=True,
        refusals={409: ["feature_archived"]},
    )  # fmt: skip
    def patch(self, call: Call, id: str) -> Answer:  # noqa: A002
        """Change what is given; null clears."""
        feature = update_feature(
            tenant_id=call.tenant_id, feature_id=path_id(FEATURE, id), at=call.at, changes=call.data
        )
        return Answer(200, feature_body(feature))

    @operation("catalogue:write", "Delete a feature", answers={204: None}, refusals={409: ["feature_in_use"]})
    def delete(self, call: Call, id: str) -> Answer:  # noqa: A002
        """Remove it, unless something refers to it."""
        delete_feature(tenant_id=call.tenant_id, feature_id=path_id(FEATURE, id))
        return Answer(204)


class FeatureArchiveView(TenantView):
    """`/api/features/{id}/archive`."""

    @operation(
        "catalogue:write", "Archive a feature", answers={200: FeatureOutput},
        description="It enters no plan and no price any more. Repeating it changes nothing.",
    )  # fmt: skip
    def post(self, call: Call, id: str) -> Answer:  # noqa: A002
        """Archive it."""
        feature = archive_feature(tenant_id=call.tenant_id, feature_id=path_id(FEATURE, id), at=call.at)
        return Answer(200, feature_body(feature))


def location_of(feature: Feature) -> str:
    """Where the feature lives."""
    return f"/api/features/{encode_id(FEATURE, feature.id)}"
