"""The configs that are set for a topic, a line each.

    e2e_topic_configs.py BOOTSTRAP TOPIC [NAME=VALUE…]

With NAME=VALUE it sets exactly these before.
"""
import sys

from confluent_kafka.admin import AdminClient, ConfigResource, ConfigSource

bootstrap, topic, *settings = sys.argv[1:]
admin = AdminClient({"bootstrap.servers": bootstrap})
if settings:
    wanted = ConfigResource(
        ConfigResource.Type.TOPIC, topic, set_config=dict(s.split("=", 1) for s in settings)
    )
    for future in admin.alter_configs([wanted]).values():
        future.result(30)
for future in admin.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, topic)]).values():
    for entry in future.result(30).values():
        if entry.source == ConfigSource.DYNAMIC_TOPIC_CONFIG.value:
            print(f"{entry.name}={entry.value}")
