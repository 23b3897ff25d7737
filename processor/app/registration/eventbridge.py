"""Genesys's events over Amazon EventBridge to our receiver, as files that set it up: CloudFormation and Terraform.

Secrets are parameters of both: none stands in a file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import yaml

NAME = "event-processor"
DAY_SECONDS = 86_400
ATTEMPTS = 185
"""EventBridge's own most: a day of repeats."""
PER_SECOND = 300
FORTNIGHT_SECONDS = 1_209_600
Json = dict[str, Any]


class _Plain(yaml.SafeDumper):
    """CloudFormation reads no aliases."""

    def ignore_aliases(self, data: object) -> bool:
        """Everything is written out where it stands."""
        del data
        return True


@dataclass(frozen=True, slots=True)
class Caller:
    """How EventBridge proves itself: by a `user` and a password, or by a header and its value. Never both."""

    user: str = ""
    header: str = ""


def event_pattern(topics: Sequence[str]) -> Json:
    """Genesys's events of these topics, whatever the organisation."""
    return {"source": [{"prefix": "aws.partner/genesys.com"}], "detail-type": list(topics)}


def cloudformation(url: str, caller: Caller, topics: Sequence[str]) -> str:
    """A whole template (YAML). The integration itself is made in Genesys: its event source is a parameter."""
    secret, source = {"Ref": "ReceiverSecret"}, {"Ref": "EventSourceName"}
    if caller.header:
        auth: Json = {"ApiKeyAuthParameters": {"ApiKeyName": caller.header, "ApiKeyValue": secret}}
    else:
        auth = {"BasicAuthParameters": {"Username": caller.user, "Password": secret}}
    kind = "API_KEY" if caller.header else "BASIC"
    invoke = {"Effect": "Allow", "Action": "events:InvokeApiDestination", "Resource": _arn("Destination")}
    policy = {"PolicyName": "invoke", "PolicyDocument": _policy(invoke)}
    target = {
        "Id": "receiver",
        "Arn": _arn("Destination"),
        "RoleArn": _arn("Role"),
        "RetryPolicy": {"MaximumEventAgeInSeconds": DAY_SECONDS, "MaximumRetryAttempts": ATTEMPTS},
        "DeadLetterConfig": {"Arn": _arn("Undelivered")},
    }
    bus = {"Ref": "Bus"}
    resources = {
        "Bus": _resource("EventBus", {"Name": source, "EventSourceName": source}),
        "Connection": _resource("Connection", {"AuthorizationType": kind, "AuthParameters": auth}),
        "Destination": _resource(
            "ApiDestination",
            {
                "ConnectionArn": _arn("Connection"),
                "HttpMethod": "POST",
                "InvocationEndpoint": url,
                "InvocationRateLimitPerSecond": PER_SECOND,
            },
        ),
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {"AssumeRolePolicyDocument": _policy(_assume()), "Policies": [policy]},
        },
        "Undelivered": {
            "Type": "AWS::SQS::Queue",
            "Properties": {"MessageRetentionPeriod": FORTNIGHT_SECONDS, "SqsManagedSseEnabled": True},
        },
        "UndeliveredPolicy": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {
                "Queues": [{"Ref": "Undelivered"}],
                "PolicyDocument": _policy(_keep(_arn("Undelivered"), _arn("Rule"))),
            },
        },
        "Rule": _resource("Rule", {"EventBusName": bus, "EventPattern": event_pattern(topics), "Targets": [target]}),
    }
    template = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Genesys Cloud events to the event processor",
        "Parameters": {
            "EventSourceName": {
                "Type": "String",
                "AllowedPattern": "aws\\.partner/genesys\\.com/cloud/.+",
                "Description": "The partner event source that Genesys's EventBridge integration has made",
            },
            "ReceiverSecret": {
                "Type": "String",
                "NoEcho": True,
                "Description": "The receiver's password for this user, or the value of its header",
            },
        },
        "Resources": resources,
        "Outputs": {"UndeliveredQueue": {"Value": {"Ref": "Undelivered"}}},
    }
    return yaml.dump(template, Dumper=_Plain, sort_keys=False, width=120)


def terraform(url: str, caller: Caller, topics: Sequence[str]) -> str:
    """A whole `main.tf.json`: the integration in Genesys, and everything between it and us."""
    source = "aws.partner/genesys.com/cloud/${var.organization_id}/${var.event_source_suffix}"
    if caller.header:
        auth: Json = {"api_key": {"key": caller.header, "value": "${var.receiver_secret}"}}
    else:
        auth = {"basic": {"username": caller.user, "password": "${var.receiver_secret}"}}
    properties = {
        "eventSourceSuffix": "${var.event_source_suffix}",
        "awsAccountId": "${var.aws_account_id}",
        "awsAccountRegion": "${var.aws_region}",
        "eventFilter": list(topics),
    }
    destination = "${aws_cloudwatch_event_api_destination.receiver.arn}"
    invoke = {"Effect": "Allow", "Action": "events:InvokeApiDestination", "Resource": destination}
    keep = _keep("${aws_sqs_queue.undelivered.arn}", "${aws_cloudwatch_event_rule.events.arn}")
    bus = "${aws_cloudwatch_event_bus.genesys.name}"
    resources: Json = {
        "genesyscloud_integration": {
            "events": {
                "intended_state": "ENABLED",
                "integration_type": "amazon-eventbridge-source",
                "config": {"name": "Event processor", "properties": _text(properties), "advanced": "{}"},
            }
        },
        "aws_cloudwatch_event_bus": {
            "genesys": {
                "name": source,
                "event_source_name": source,
                "depends_on": ["genesyscloud_integration.events"],
            }
        },
        "aws_cloudwatch_event_connection": {
            "receiver": {
                "name": NAME,
                "authorization_type": "API_KEY" if caller.header else "BASIC",
                "auth_parameters": auth,
            }
        },
        "aws_cloudwatch_event_api_destination": {
            "receiver": {
                "name": NAME,
                "invocation_endpoint": url,
                "http_method": "POST",
                "invocation_rate_limit_per_second": PER_SECOND,
                "connection_arn": "${aws_cloudwatch_event_connection.receiver.arn}",
            }
        },
        "aws_iam_role": {"invoke": {"name": NAME, "assume_role_policy": _text(_policy(_assume()))}},
        "aws_iam_role_policy": {
            "invoke": {"name": "invoke", "role": "${aws_iam_role.invoke.id}", "policy": _text(_policy(invoke))}
        },
        "aws_sqs_queue": {
            "undelivered": {
                "name": f"{NAME}-undelivered",
                "message_retention_seconds": FORTNIGHT_SECONDS,
                "sqs_managed_sse_enabled": True,
            }
        },
        "aws_sqs_queue_policy": {
            "undelivered": {"queue_url": "${aws_sqs_queue.undelivered.id}", "policy": _text(_policy(keep))}
        },
        "aws_cloudwatch_event_rule": {
            "events": {"name": NAME, "event_bus_name": bus, "event_pattern": _text(event_pattern(topics))}
        },
        "aws_cloudwatch_event_target": {
            "receiver": {
                "rule": "${aws_cloudwatch_event_rule.events.name}",
                "event_bus_name": bus,
                "arn": destination,
                "role_arn": "${aws_iam_role.invoke.arn}",
                "retry_policy": {"maximum_event_age_in_seconds": DAY_SECONDS, "maximum_retry_attempts": ATTEMPTS},
                "dead_letter_config": {"arn": "${aws_sqs_queue.undelivered.arn}"},
            }
        },
    }
    whole = {
        "terraform": {
            "required_providers": {
                "aws": {"source": "hashicorp/aws", "version": ">= 5.0"},
                "genesyscloud": {"source": "mypurecloud/genesyscloud", "version": ">= 1.30"},
            }
        },
        "provider": {"aws": {"region": "${var.aws_region}"}},
        "variable": {
            "organization_id": {"type": "string", "description": "Genesys organization id"},
            "aws_account_id": {"type": "string"},
            "aws_region": {"type": "string"},
            "event_source_suffix": {"type": "string", "default": NAME},
            "receiver_secret": {"type": "string", "sensitive": True},
        },
        "resource": resources,
    }
    return orjson.dumps(whole, option=orjson.OPT_INDENT_2).decode() + "\n"


def _resource(kind: str, properties: Json) -> Json:
    return {"Type": f"AWS::Events::{kind}", "Properties": properties}


def _arn(name: str) -> Json:
    return {"Fn::GetAtt": [name, "Arn"]}


def _policy(statement: Json) -> Json:
    return {"Version": "2012-10-17", "Statement": [statement]}


def _assume() -> Json:
    return {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"}


def _keep(queue: Any, rule: Any) -> Json:
    """The rule alone may put events aside that could not be delivered."""
    return {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
    }


def _text(value: Mapping[str, Any]) -> str:
    return orjson.dumps(value).decode()
