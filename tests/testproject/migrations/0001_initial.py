import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    operations = [  # noqa: RUF012 (as Django reads it)
        migrations.CreateModel(
            name="Shelf",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=100, unique=True)),
            ],
        ),
        migrations.CreateModel(
            name="Book",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False)),
                ("title", models.CharField(db_index=True, max_length=200)),
                ("price", models.DecimalField(decimal_places=2, max_digits=8, null=True)),
                ("cover", models.BinaryField()),
                ("added_at", models.DateTimeField()),
                (
                    "shelf",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="testproject.shelf"),
                ),
            ],
        ),
    ]
