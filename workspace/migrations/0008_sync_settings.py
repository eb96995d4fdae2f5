import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('governance', '0008_project_currency'),
        ('workspace', '0007_pull_schedules'),
    ]

    operations = [
        migrations.CreateModel(
            name='SyncSettings',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('chosen', models.JSONField(blank=True, default=dict, verbose_name='chosen in the form')),
                ('said', models.JSONField(blank=True, default=dict, verbose_name='said by the file')),
                ('commit', models.CharField(blank=True, max_length=64, verbose_name='commit')),
                ('author', models.CharField(blank=True, max_length=200, verbose_name='author')),
                ('committed_at', models.DateTimeField(blank=True, null=True, verbose_name='committed')),
                ('digest', models.CharField(blank=True, max_length=64)),
                ('problems', models.JSONField(blank=True, default=list, verbose_name='problems')),
                ('wrong_commit', models.CharField(blank=True, max_length=64, verbose_name='commit with problems')),
                ('aside', models.JSONField(blank=True, null=True)),
                ('project', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='sync_settings', to='governance.project', verbose_name='project')),
            ],
            options={
                'verbose_name': 'strategy and frequency',
                'verbose_name_plural': 'strategies and frequencies',
                'ordering': ['id'],
            },
        ),
    ]
