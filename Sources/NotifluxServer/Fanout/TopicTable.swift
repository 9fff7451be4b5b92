import NotifluxJWT
import NotifluxProtocol

/// Who can subscribe: keeps its own part of the table. It must have left every topic before it goes.
protocol TopicSubscriber: AnyObject {
  var holdings: TopicHoldings { get set }
}

/// The topics a subscriber holds, with its place in each: the first one in place, since most hold no more.
struct TopicHoldings {
  fileprivate struct Holding {
    let node: AnyTopicNode
    var names: TokenNames?
    var member: Int32
  }

  private var first: Holding?
  private var rest: ContiguousArray<Holding> = []

  init() {}

  var count: Int { first == nil ? 0 : 1 + rest.count }
  var topics: [Topic] { (0..<count).map { self[$0].node.topic } }
  /// Of the tokens that opened them: what can be revoked.
  var names: some Sequence<TokenNames> { (0..<count).lazy.compactMap { self[$0].names } }

  fileprivate subscript(place: Int) -> Holding {
    get { if place == 0, let first { first } else { rest[place - 1] } }
    set { if place == 0 { first = newValue } else { rest[place - 1] = newValue } }
  }

  fileprivate func place(of node: AnyTopicNode) -> Int? {
    if first?.node === node { return 0 }
    return rest.firstIndex { $0.node === node }.map { $0 + 1 }
  }

  fileprivate mutating func append(_ holding: Holding) {
    if first == nil { first = holding } else { rest.append(holding) }
  }

  fileprivate mutating func removeLast() -> Holding {
    if let last = rest.popLast() { return last }
    guard let last = first else { preconditionFailure("no topic is held") }
    first = nil
    return last
  }
}

/// What is the same of a topic's node whoever subscribes.
class AnyTopicNode {
  let topic: Topic

  fileprivate init(topic: Topic) { self.topic = topic }
}

/// Who is subscribed to what, on one event loop. Pure: it knows neither sockets nor messages. Subscribing, unsubscribing
/// and losing a subscriber cost what that subscriber holds, never what the table holds; a topic nobody is subscribed to
/// leaves nothing behind.
final class TopicTable<Subscriber: TopicSubscriber> {
  /// One topic's subscribers, in no particular order.
  final class Node: AnyTopicNode {
    fileprivate(set) var members: ContiguousArray<Member> = []
  }

  /// A subscriber's place in a node.
  struct Member {
    let subscriber: Subscriber
    /// Messages up to this number are not for this subscriber: it came later, or has had them from the log.
    let after: UInt64
    /// The node's place in the subscriber's holdings.
    fileprivate var holding: Int32
  }

  private var nodes: [Topic: Node] = [:]
  private(set) var subscriptionCount = 0
  /// Is told of the topics that come and go.
  private let census: TopicCensus?

  init(census: TopicCensus? = nil) { self.census = census }

  var topicCount: Int { nodes.count }

  func isSubscribed(_ subscriber: Subscriber, to topic: Topic) -> Bool {
    guard let node = nodes[topic] else { return false }
    return subscriber.holdings.place(of: node) != nil
  }

  /// Messages with numbers above `after` are for the subscriber from now on. Subscribing twice is as good as once; the
  /// token that opened it last is the one that counts.
  func subscribe(_ subscriber: Subscriber, to topic: Topic, after: UInt64, openedBy names: TokenNames? = nil) {
    let node = nodes[topic] ?? insertNode(topic)
    if let place = subscriber.holdings.place(of: node) { return subscriber.holdings[place].names = names }
    node.members.append(Member(subscriber: subscriber, after: after, holding: Int32(subscriber.holdings.count)))
    subscriber.holdings.append(.init(node: node, names: names, member: Int32(node.members.count - 1)))
    subscriptionCount += 1
  }

  /// Unsubscribing from what is not held is no error.
  func unsubscribe(_ subscriber: Subscriber, from topic: Topic) {
    guard let node = nodes[topic], let place = subscriber.holdings.place(of: node) else { return }
    removeMember(at: subscriber.holdings[place].member, of: node)
    let last = subscriber.holdings.removeLast()
    guard place < subscriber.holdings.count else { return }
    subscriber.holdings[place] = last
    typed(last.node).members[Int(last.member)].holding = Int32(place)
  }

  func unsubscribeAll(_ subscriber: Subscriber) {
    while subscriber.holdings.count > 0 {
      let last = subscriber.holdings.removeLast()
      removeMember(at: last.member, of: typed(last.node))
    }
  }

  /// The subscribers of `topic` as they are now; safe to walk while the table changes.
  func members(of topic: Topic) -> ContiguousArray<Member> { nodes[topic]?.members ?? [] }

  private func insertNode(_ topic: Topic) -> Node {
    let node = Node(topic: topic)
    nodes[topic] = node
    census?.enter(topic)
    return node
  }

  /// A subscriber is in one table only, so its nodes are of this table's type.
  private func typed(_ node: AnyTopicNode) -> Node { unsafeDowncast(node, to: Node.self) }

  /// Fills the hole with the last member, and tells its subscriber where it is now.
  private func removeMember(at index: Int32, of node: Node) {
    let last = node.members.removeLast()
    if index < node.members.count {
      node.members[Int(index)] = last
      last.subscriber.holdings[Int(last.holding)].member = index
    }
    subscriptionCount -= 1
    guard node.members.isEmpty else { return }
    nodes[node.topic] = nil
    census?.leave(node.topic)
  }
}

@available(*, unavailable)
extension TopicTable: Sendable {}
@available(*, unavailable)
extension AnyTopicNode: Sendable {}
