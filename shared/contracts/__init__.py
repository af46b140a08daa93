"""The published language: all that one service depends on of another. A module per producer."""

from shared.contracts import catalog, dispatcher, gateways, platform, scheduler
from shared.event import Event
from shared.topic import Topic

TOPICS: dict[str, Topic] = {
    topic.name: topic
    for topic in (
        catalog.CLIENTS,
        catalog.SUPPRESSIONS,
        catalog.MAILINGS,
        scheduler.RUNS,
        dispatcher.RUNS,
        dispatcher.MESSAGES,
        dispatcher.CONTACTS,
        gateways.GATEWAYS,
        platform.PROGRESS,
    )
}

EVENTS: tuple[type[Event], ...] = (
    catalog.ClientRegistered,
    catalog.ClientChanged,
    catalog.ClientRemoved,
    catalog.SuppressionChanged,
    catalog.SuppressionLifted,
    catalog.MailingCreated,
    catalog.MailingChanged,
    catalog.MailingRunRequested,
    catalog.MailingPaused,
    catalog.MailingResumed,
    catalog.MailingStopped,
    catalog.MailingDeleted,
    catalog.RunBegun,
    catalog.RunDeclined,
    scheduler.MailingScheduled,
    scheduler.RunMissed,
    dispatcher.MessagesPlanned,
    dispatcher.RunExpanded,
    dispatcher.RunFinished,
    dispatcher.RunCorrected,
    dispatcher.RunArchived,
    dispatcher.RunPaused,
    dispatcher.RunResumed,
    dispatcher.RunStopped,
    dispatcher.RunResent,
    dispatcher.MessageAttempted,
    dispatcher.MessageDelivered,
    dispatcher.MessageFailed,
    dispatcher.MessageExpired,
    dispatcher.MessageCancelled,
    dispatcher.MessageSuppressed,
    dispatcher.MessageUndetermined,
    dispatcher.MessageResolved,
    dispatcher.MessagesDelivered,
    dispatcher.ContactBounced,
    gateways.GatewayDescribed,
    gateways.GatewayPaused,
    gateways.GatewayResumed,
    gateways.GatewayRemoved,
    gateways.GatewayBreakerOpened,
    gateways.GatewayBreakerClosed,
    platform.OutboxPublished,
)

NAMES = frozenset(kind.type_name().encode() for kind in EVENTS)
