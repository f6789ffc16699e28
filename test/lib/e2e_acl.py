#!/usr/bin/python3
"""e2e_acl: forbid everybody to write to a topic.

    e2e_acl.py BOOTSTRAP TOPIC

For a broker with an authorizer that allows what no rule is about.  Calls
librdkafka itself, because the Python client of the distribution is too old to
know access rules.
"""

import ctypes
import sys

RESOURCE_TOPIC, PATTERN_LITERAL, OPERATION_WRITE, PERMISSION_DENY = 2, 3, 4, 2
PRODUCER, EVENT_CREATEACLS = 0, 0x400
ERRSTR = 512

rdkafka = ctypes.CDLL("librdkafka.so.1")


def function(name, result, *arguments):
    call = getattr(rdkafka, name)
    call.restype = result
    call.argtypes = arguments
    return call


P, I, S, B = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t
conf_new = function("rd_kafka_conf_new", P)
conf_set = function("rd_kafka_conf_set", I, P, S, S, P, B)
client_new = function("rd_kafka_new", P, I, P, P, B)
queue_new = function("rd_kafka_queue_new", P, P)
binding_new = function("rd_kafka_AclBinding_new", P, I, S, I, S, S, I, I, P, B)
create_acls = function("rd_kafka_CreateAcls", None, P, ctypes.POINTER(P), B, P, P)
queue_poll = function("rd_kafka_queue_poll", P, P, I)
event_type = function("rd_kafka_event_type", I, P)
event_error = function("rd_kafka_event_error", I, P)
event_acls = function("rd_kafka_event_CreateAcls_result", P, P)
result_acls = function("rd_kafka_CreateAcls_result_acls", ctypes.POINTER(P), P, ctypes.POINTER(B))
acl_error = function("rd_kafka_acl_result_error", P, P)
error_string = function("rd_kafka_error_string", S, P)


def main():
    bootstrap, topic = (argument.encode() for argument in sys.argv[1:])
    why = ctypes.create_string_buffer(ERRSTR)
    conf = conf_new()
    conf_set(conf, b"bootstrap.servers", bootstrap, why, ERRSTR)
    client = client_new(PRODUCER, conf, why, ERRSTR)
    queue = queue_new(client)
    binding = binding_new(RESOURCE_TOPIC, topic, PATTERN_LITERAL, b"User:ANONYMOUS", b"*",
                          OPERATION_WRITE, PERMISSION_DENY, why, ERRSTR)
    if not client or not binding:
        sys.exit(f"e2e_acl: {why.value.decode()}")
    create_acls(client, (P * 1)(binding), 1, None, queue)
    event = queue_poll(queue, 60000)
    if not event or event_type(event) != EVENT_CREATEACLS or event_error(event) != 0:
        sys.exit(f"e2e_acl: no answer of the broker ({event_error(event) if event else 'time is up'})")
    count = B()
    acls = result_acls(event_acls(event), ctypes.byref(count))
    for i in range(count.value):
        error = acl_error(acls[i])
        if error:
            sys.exit(f"e2e_acl: {error_string(error).decode()}")


if __name__ == "__main__":
    main()
