from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0003_erasure"),
        ("tenants", "0005_email_invoices"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="payment", name="payment_method_known"),
        migrations.AlterField(
            model_name="payment",
            name="method",
            field=models.CharField(
                choices=[
                    ("manual", "Manual"),
                    ("bank_transfer", "Bank Transfer"),
                    ("cash", "Cash"),
                    ("card", "Card"),
                    ("custom", "Custom"),
                    ("credit", "Credit"),
                ],
                max_length=16,
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.CheckConstraint(
                condition=models.Q(("method__in", ["manual", "bank_transfer", "cash", "card", "custom", "credit"])),
                name="payment_method_known",
            ),
        ),
    ]
