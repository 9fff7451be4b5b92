import Glibc
import NotifluxProtocol

/// Which topics are busy, in memory that does not grow with their number (the Space-Saving algorithm: Metwally, Agrawal,
/// El Abbadi 2005): a topic that is not watched takes the place of the least busy one, and its count with it, which is
/// known as its error. A message weighs less the older it is, half as much after a minute. Pure.
///
/// The true weight of a topic is between `weight - error` and `weight`, and whatever weighs more than a `capacity`-th of
/// all is watched.
struct TopicSketch: Sendable {
  struct Entry: Sendable, Equatable {
    let topic: Topic
    var weight: Double
    var error: Double
  }

  /// Seconds in which a message's weight halves.
  static let halfLife = 60.0
  /// What a message a second comes to weigh: the sum of all their halvings.
  static let weightOfRate = halfLife / 0.693_147_180_559_945_3
  /// Weights are kept as of `epoch`, so that ageing costs nothing, and brought up to date when they have grown by this.
  private static let largestScale = 1e12

  let capacity: Int
  /// A heap with the lightest entry first.
  private var heap: ContiguousArray<Entry> = []
  private var places: [Topic: Int] = [:]
  private var epoch = 0.0

  init(capacity: Int) { self.capacity = capacity }

  /// Counts `messages` of `topic` at `now`, in seconds of a clock that never goes back. O(log capacity).
  mutating func count(_ topic: Topic, messages: Int, now: Double) {
    var weight = Double(messages) * scale(at: now)
    if weight > Self.largestScale {
      renew(at: now)
      weight = Double(messages)
    }
    if let place = places[topic] {
      heap[place].weight += weight
      sink(place)
    } else if heap.count < capacity {
      heap.append(Entry(topic: topic, weight: weight, error: 0))
      places[topic] = heap.count - 1
      rise(heap.count - 1)
    } else if let lightest = heap.first {
      places[lightest.topic] = nil
      heap[0] = Entry(topic: topic, weight: lightest.weight + weight, error: lightest.weight)
      places[topic] = 0
      sink(0)
    }
  }

  /// All entries as they weigh at `now`, in no particular order.
  func entries(now: Double) -> [Entry] {
    let scale = scale(at: now)
    return heap.map { Entry(topic: $0.topic, weight: $0.weight / scale, error: $0.error / scale) }
  }

  private func scale(at now: Double) -> Double { exp2((now - epoch) / Self.halfLife) }

  private mutating func renew(at now: Double) {
    heap = ContiguousArray(entries(now: now))
    epoch = now
  }

  private mutating func rise(_ start: Int) {
    var place = start
    while place > 0, heap[place].weight < heap[(place - 1) / 2].weight {
      exchange(place, (place - 1) / 2)
      place = (place - 1) / 2
    }
  }

  private mutating func sink(_ start: Int) {
    var place = start
    while true {
      var lightest = place
      for child in [2 * place + 1, 2 * place + 2]
      where child < heap.count && heap[child].weight < heap[lightest].weight { lightest = child }
      guard lightest != place else { return }
      exchange(place, lightest)
      place = lightest
    }
  }

  private mutating func exchange(_ one: Int, _ other: Int) {
    heap.swapAt(one, other)
    places[heap[one].topic] = one
    places[heap[other].topic] = other
  }
}
