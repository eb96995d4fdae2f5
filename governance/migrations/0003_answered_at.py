from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('governance', '0002_api_tokens'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='answered',
            index=models.Index(fields=['at'], name='answered_at'),
        ),
    ]
