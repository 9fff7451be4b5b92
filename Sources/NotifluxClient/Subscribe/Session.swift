import NotifluxProtocol

/// What the texts of one connection mean, in one mode or the other. Pure: takes what was asked for and what arrived, and
/// returns what to send and what happened.
protocol Session: Sendable {
  /// Where the topics are to be resumed, each complete up to there. Empty in text mode, which knows no places.
  var positions: [Topic: Cursor] { get }

  /// Names the log the server has; `nil` until it said so.
  var epoch: String? { get }

  /// Whether messages of the topic may come: it is subscribed to or asked for.
  func holds(_ topic: Topic) -> Bool

  /// Asks for topics that one token allows. Those that have no place to go on from begin after `since`, or with what
  /// is published from now on.
  mutating func subscribe(_ topics: [Topic], since: Cursor?, token: String) -> [LinkCommand]
  mutating func unsubscribe(_ topic: Topic) -> [LinkCommand]
  mutating func unsubscribeAll() -> [LinkCommand]
  /// The user sends texts that are not tracked here.
  mutating func speakFreely()
  mutating func received(_ event: LinkEvent) -> Reaction
}

/// What follows from something that arrived.
struct Reaction: Sendable, Equatable {
  /// In their order.
  var events: [SubscriptionEvent] = []
  /// To be sent.
  var commands: [LinkCommand] = []
}
