from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0004_erasure"),
    ]

    operations = [
        migrations.AddField(
            model_name="tenantsettings",
            name="email_invoices",
            field=models.BooleanField(db_default=True, default=True),
        ),
    ]
