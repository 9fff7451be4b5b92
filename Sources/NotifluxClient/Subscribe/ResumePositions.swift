import NotifluxProtocol

/// Up to where each topic of a connection is complete, so that the next connection goes on from there without loss and
/// without repetition. Pure.
///
/// Messages come on *lanes*: the live one, and one for each replay. Within a lane the sequence rises across all its
/// topics, so a message of one topic tells about all: nothing before it is still to come. Lanes tell nothing about each
/// other. Writing that down for each topic at each message would cost a pass over all topics, so a topic keeps what is
/// known of itself, and its lane keeps the rest.
struct ResumePositions: Sendable {
  enum Lane: Hashable, Sendable {
    case live
    /// Of the subscribe request with this number.
    case replay(Int)
  }

  private struct Place {
    /// Complete up to here by what was said of this topic itself. Whatever it brings up to here was seen before.
    var own: Cursor?
    /// `nil` until the server has confirmed the topic.
    var lane: Lane?
    /// Where the lane was when the topic came to it: what the lane brought until then says nothing about the topic.
    var joinedAt: Cursor?
  }

  private var places: [Topic: Place] = [:]
  /// The last message each lane has brought.
  private var lanes: [Lane: Cursor] = [:]

  /// The place to resume the topic from; `nil` if there is none, since it was not confirmed yet.
  func position(of topic: Topic) -> Cursor? { places[topic].flatMap(position) }

  /// All of them.
  var all: [Topic: Cursor] { places.compactMapValues(position) }

  func lane(of topic: Topic) -> Lane? { places[topic]?.lane }

  private func position(_ place: Place) -> Cursor? {
    guard let own = place.own, let lane = place.lane, let reached = lanes[lane], reached != place.joinedAt,
      reached.epoch == own.epoch, reached.sequence > own.sequence
    else { return place.own }
    return reached
  }

  /// Holds a topic from now on, which goes on after `cursor` where there is one. Nothing changes if it is held already.
  mutating func hold(_ topic: Topic, after cursor: Cursor?) {
    if places[topic] == nil { places[topic] = Place(own: cursor) }
  }

  mutating func release(_ topic: Topic) {
    guard let place = places.removeValue(forKey: topic), let lane = place.lane, lane != .live else { return }
    if !places.values.contains(where: { $0.lane == lane }) { lanes[lane] = nil }
  }

  mutating func releaseAll() {
    places = [:]
    lanes = lanes.filter { $0.key == .live }
  }

  /// The topic's messages come on this lane from now on. `cursor` is where a topic begins that has no place yet.
  mutating func move(_ topic: Topic, to lane: Lane, from cursor: Cursor) {
    guard var place = places[topic] else { return }
    place.own = position(place) ?? cursor
    place.lane = lane
    place.joinedAt = lanes[lane]
    places[topic] = place
  }

  /// The replay has ended: those of `topics` that are still on its lane are complete up to `cursor`, and live. Returns
  /// them.
  mutating func caughtUp(on replay: Lane, of topics: [Topic], at cursor: Cursor) -> [Topic] {
    let ready = topics.filter { places[$0]?.lane == replay }
    for topic in ready {
      let own = places[topic].flatMap(position)
      let isAhead = own.map { $0.epoch == cursor.epoch && $0.sequence > cursor.sequence } ?? false
      places[topic] = Place(own: isAhead ? own : cursor, lane: .live, joinedAt: lanes[.live])
    }
    lanes[replay] = nil
    return ready
  }

  /// Takes note of a message; returns whether it is one that was not seen before.
  mutating func message(of topic: Topic, at cursor: Cursor) -> Bool {
    // Of a topic that was given up, or asked for anew, and still on its way: where it stands means nothing any more.
    guard let place = places[topic], let own = place.own else { return true }
    if own.epoch == cursor.epoch && cursor.sequence <= own.sequence { return false }
    places[topic]?.own = cursor
    guard let lane = place.lane else { return true }
    let reached = lanes[lane]
    if reached?.epoch != cursor.epoch || (reached?.sequence ?? 0) < cursor.sequence { lanes[lane] = cursor }
    return true
  }

  /// Takes note of a gap; returns where what is not known to be missing yet begins, `nil` if all of it is known.
  mutating func gap(of topic: Topic, from: Cursor, to: Cursor) -> Cursor? {
    guard let own = places[topic]?.own else { return from }
    if own.epoch == to.epoch && to.sequence <= own.sequence {
      // Backwards, where the log is shorter than the place that was resumed from.
      guard own == from && to != own else { return nil }
    }
    places[topic]?.own = to
    let isBackwards = from.epoch == to.epoch && to.sequence < from.sequence
    return own.epoch == from.epoch && own.sequence < from.sequence && !isBackwards ? from : own
  }
}
