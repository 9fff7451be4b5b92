import NotifluxProtocol

/// Who is subscribed to what, on one event loop. Pure: it knows neither sockets nor messages. Subscribing, unsubscribing
/// and losing a subscriber cost what that subscriber holds, never what the table holds; a topic nobody is subscribed to
/// leaves nothing behind.
final class TopicTable<Sink: AnyObject> {
  /// One topic's subscribers, in no particular order.
  final class Node {
    let topic: Topic
    fileprivate(set) var members: ContiguousArray<Member> = []

    init(topic: Topic) { self.topic = topic }
  }

  /// A subscriber's place in a node; `holding` is the node's place in the subscriber's own list.
  struct Member {
    let subscriber: Subscriber
    /// Messages up to this number are not for this subscriber: it came later, or has had them from the log.
    let after: UInt64
    fileprivate var holding: Int
  }

  /// One connection as the table sees it, with the topics it holds.
  final class Subscriber {
    /// Not owned: the connection owns its subscriber and removes it from the table before it goes.
    unowned let sink: Sink
    fileprivate var holdings: ContiguousArray<Holding> = []

    init(sink: Sink) { self.sink = sink }

    var count: Int { holdings.count }
    var topics: [Topic] { holdings.map(\.node.topic) }
  }

  fileprivate struct Holding {
    let node: Node
    var member: Int
  }

  private var nodes: [Topic: Node] = [:]
  private(set) var subscriptionCount = 0

  var topicCount: Int { nodes.count }

  func isSubscribed(_ subscriber: Subscriber, to topic: Topic) -> Bool {
    guard let node = nodes[topic] else { return false }
    return subscriber.holdings.contains { $0.node === node }
  }

  /// Messages with numbers above `after` are for the subscriber from now on. Subscribing twice is as good as once.
  func subscribe(_ subscriber: Subscriber, to topic: Topic, after: UInt64) {
    let node = nodes[topic] ?? insertNode(topic)
    guard !subscriber.holdings.contains(where: { $0.node === node }) else { return }
    node.members.append(Member(subscriber: subscriber, after: after, holding: subscriber.holdings.count))
    subscriber.holdings.append(Holding(node: node, member: node.members.count - 1))
    subscriptionCount += 1
  }

  /// Unsubscribing from what is not held is no error.
  func unsubscribe(_ subscriber: Subscriber, from topic: Topic) {
    guard let node = nodes[topic], let place = subscriber.holdings.firstIndex(where: { $0.node === node }) else {
      return
    }
    let holding = subscriber.holdings[place]
    removeMember(at: holding.member, of: holding.node)
    let last = subscriber.holdings.removeLast()
    if place < subscriber.holdings.count {
      subscriber.holdings[place] = last
      last.node.members[last.member].holding = place
    }
  }

  func unsubscribeAll(_ subscriber: Subscriber) {
    for holding in subscriber.holdings { removeMember(at: holding.member, of: holding.node) }
    subscriber.holdings = []
  }

  /// The subscribers of `topic` as they are now; safe to walk while the table changes.
  func members(of topic: Topic) -> ContiguousArray<Member> { nodes[topic]?.members ?? [] }

  private func insertNode(_ topic: Topic) -> Node {
    let node = Node(topic: topic)
    nodes[topic] = node
    return node
  }

  /// Fills the hole with the last member, and tells its subscriber where it is now.
  private func removeMember(at index: Int, of node: Node) {
    let last = node.members.removeLast()
    if index < node.members.count {
      node.members[index] = last
      last.subscriber.holdings[last.holding].member = index
    }
    subscriptionCount -= 1
    if node.members.isEmpty { nodes[node.topic] = nil }
  }
}

@available(*, unavailable)
extension TopicTable: Sendable {}
@available(*, unavailable)
extension TopicTable.Subscriber: Sendable {}
