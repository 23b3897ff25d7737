"""Every field of every payload as it is known today, so that a new one is noticed (`genesys-processor drift`).

A field without brackets may hold anything below it. Not all of these are read; all were seen in
recorded payloads or documented ones, so that they stand in a payload is no news.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

Tree = Mapping[str, "Tree"]

COMMON = {
    "guides": (
        "id event eventType type topic events eventSubscriptions source data schedule queue profile entity resource "
        "payload etag version timestamp utcTimestamp originalTimestamp normalizedAt dateModified agentTimeZone "
    ),
    "v2.": "operationId eventType selfUri ",
}

FIELDS: Mapping[str, str] = {
    "SCHEDULE_CREATED": (
        "campaignId dailySchedule endTime event id maxConcurrentAgents maxConcurrentCalls scheduleId source startTime "
        "timestamp timezone"
    ),
    "campaign-schedule": (
        "campaignId dailySchedule(days endTime startTime) endTime id maxConcurrentAgents maxConcurrentCalls selfUri "
        "startTime timezone"
    ),
    "channel.metadata": "message result status",
    "presence.update": "customStatusMessage etag eventType normalizedAt presenceId source timestamp userId",
    "presence:updated": (
        "agentTimeZone customStatusMessage etag event id originalTimestamp presenceId timestamp userId utcTimestamp"
    ),
    "routing-profile": (
        "changes id modifiedBy name overflowRoutingTargets(overflowType target(id)) profileId "
        "skillAssignments(skill(id name) utilizationPercent) "
        "utilizationPercent version wrapUpCodes(default id)"
    ),
    "routingQueueUpdated": (
        "changes entity(id type) eventType id members modifiedBy name queueId queueType routingRules(conditions(field "
        "operator value) priority routingStrategy(skills type) type) slaPercent slaTarget timestamp type version "
        "wrapUpPolicy"
    ),
    "schedule:updated": (
        "description etag event eventType holidays id name scheduleEntries(daysOfWeek endTime startTime) "
        "scheduleGroupId scheduleId timestamp timezoneId"
    ),
    "v2.analytics.queues.{id}.activity": "results(data(calculatedMetricValue count metric) mediaType)",
    "v2.analytics.queues.{id}.observations": (
        "data(interval metrics(metric qualifier stats)) group(mediaType queueId)"
    ),
    "v2.audits.entitytype.{id}.entityid.{id}": (
        "action clientId context entity(id name selfUri) entityType eventTime id level message "
        "propertyChanges(newValues oldValues property) remoteIp serviceName userDisplay userHomeOrgId userId "
        "username(id name selfUri)"
    ),
    "v2.businessunits.{id}.workforcemanagement.intraday": (
        "operationId result(categories endDate intervalLengthMinutes noDataReason "
        "intradayDataGroupings(forecastDataPerInterval forecastDataSummary(averageHandleTimeSeconds offered) mediaType "
        "performancePredictionDataPerInterval "
        "performancePredictionDataSummary(averageSpeedOfAnswerSeconds occupancyPercent serviceLevelPercent) "
        "scheduleDataPerInterval scheduleDataSummary(onQueueTimeSeconds)) schedule(id weekDate) "
        "shortTermForecast(description id weekDate) startDate)"
    ),
    "v2.outbound.schedules.campaigns.{id}": (
        "additionalProperties campaign(id name) dateCreated dateModified id intervals(additionalProperties end start) "
        "name recurrences timeZone version"
    ),
    "v2.routing.queues.{id}.users": "additionalProperties id joined queueId user(id)",
    "v2.system.socket_closing": "channelId message reason",
    "v2.users.{id}.activity": (
        "activeQueueIds dateActiveQueuesChanged id outOfOffice(active modifiedDate) presence(modifiedDate "
        "presenceDefinition(id systemPresence) presenceMessage) routingStatus(startTime status)"
    ),
    "v2.users.{id}.integrationpresence": (
        "currentDisplaySourceId eventType futurePresenceDefinition message modifiedDate "
        "presenceDefinition(id systemPresence) previousDisplaySourceId source userId"
    ),
    "v2.users.{id}.outofoffice": "active endDate indefinite modifiedDate startDate user(id)",
    "v2.users.{id}.presence": (
        "futurePresenceDefinition message modifiedDate presenceDefinition(id systemPresence) primary source"
    ),
    "v2.users.{id}.routingStatus": "errorInfo id routingStatus(startTime status)",
    "v2.users.{id}.workforcemanagement.adherence": (
        "activeQueues(id) activeQueuesModifiedTime actualActivityCategory adherenceChangeTime adherenceExplanation "
        "adherenceState "
        "businessUnitId impact isOutOfOffice managementUnitId nextActivityReminders(activityCategory startDate) "
        "organizationSecondaryPresenceId presenceUpdateTime removedFromManagementUnit routingStatus "
        "scheduledActivityCategory scheduledActivityCode(id secondaryPresences) suppressOnTimeReminder systemPresence "
        "team(id name) user(id)"
    ),
    "v2.users.{id}.workforcemanagement.schedules": (
        "endDate startDate updates(shiftStartDates type) user(id) visibilityRange(endBusinessUnitDate endDate)"
    ),
    "v2.users.{id}.workforcemanagement.timeoffrequests": (
        "activityCodeId dailyDurationMinutes durationMinutes fullDayEarliestStartOffsetMinutes "
        "fullDayLatestEndOffsetMinutes fullDayManagementUnitDates id isFullDayRequest markedAsRead modifiedBy "
        "modifiedDate notes paid partialDayStartDateTimes payableMinutes reviewedBy reviewedDate status submittedBy "
        "submittedDate substatus user(id)"
    ),
    "v2.workforcemanagement.businessunits.{id}.schedules": (
        "eventType operationId result(description generationResults(failed messageCount messageSeverityCounts(count "
        "severity) runId) id managementUnits(agentCount agents(id) endDate managementUnit(id) startDate) "
        "metadata(dateModified modifiedBy(id) version) published shortTermForecast(description id weekDate) weekCount "
        "weekDate) status"
    ),
    "v2.workforcemanagement.managementunits.{id}.agentschedules.changed": (
        "agents(agentId endDate startDate) visibilityRange(endBusinessUnitDate endDate)"
    ),
    "v2.workforcemanagement.managementunits.{id}.schedules": (
        "downloadUrl eventType operationId percentComplete status"
    ),
    "v2.workforcemanagement.users.{id}.schedules.search": "businessUnitId downloadUrl operationId",
}

WORD = re.compile(r"[^\s()]+|[()]")


def tree(text: str) -> Tree:
    """The brackets of `FIELDS` as nested mappings."""
    root: dict[str, Any] = {}
    open_ones, latest = [root], root
    for word in WORD.findall(text):
        if word == "(":
            open_ones.append(latest)
        elif word == ")":
            open_ones.pop()
        else:
            latest = open_ones[-1].setdefault(word, {})
    return root


def known(kind: str) -> Tree | None:
    """The fields of a type; None for a type that nobody described."""
    text = FIELDS.get(kind)
    if text is None:
        return None
    return tree(COMMON["v2." if kind.startswith("v2.") else "guides"] + text)


def strange(value: Any, fields: Tree, place: str = "") -> Iterator[tuple[str, Any]]:
    """(path, value) of each field that `fields` do not know; what lies below it is not looked at."""
    if isinstance(value, list):
        for item in value:
            yield from strange(item, fields, place)
    if not isinstance(value, dict):
        return
    for name, item in value.items():
        path = f"{place}.{name}" if place else name
        if name not in fields:
            yield path, item
        elif fields[name]:
            yield from strange(item, fields[name], path)
