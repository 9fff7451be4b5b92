import NotifluxProtocol

/// The grants of one event loop, found by what stands in a body, before any text is made of it. Pure. Bounded, and every
/// operation is O(1) whatever the topics are called: each has four places, where it takes that of the oldest.
struct GrantTable {
  private static let placesEach = 4
  private static let smallest = 64

  private let maximumCount: Int
  private var places: ContiguousArray<Grant?> = []

  /// Both a power of two.
  init(maximumCount: Int = AuthLimits.grants) { self.maximumCount = maximumCount }

  /// How many grants there is room for at present.
  var capacity: Int { places.count }

  /// The topic, if there is a grant of it to this very token and `confirms` says that it is still good.
  func topic(
    _ topic: UnsafeRawBufferPointer, openedBy token: UnsafeRawBufferPointer, _ confirms: (Grant) -> Bool
  ) -> Topic? {
    guard !places.isEmpty else { return nil }
    let home = Self.hash(topic)
    // In place: a grant that is copied is counted.
    return places.withUnsafeBufferPointer { places in
      for step in 0..<Self.placesEach {
        let place = (home &+ step) & (places.count &- 1)
        guard places[place]?.covers(topic, token) == true else { continue }
        return places[place].flatMap { confirms($0) ? $0.topic : nil }
      }
      return nil
    }
  }

  /// Keeps `grant`, in place of an earlier one to the same topic and token.
  mutating func insert(_ grant: Grant) {
    if places.isEmpty { places = ContiguousArray(repeating: nil, count: min(Self.smallest, maximumCount)) }
    while !put(grant, replacing: places.count == maximumCount) { grow() }
  }

  /// Returns whether there was a place for it.
  private mutating func put(_ grant: Grant, replacing: Bool) -> Bool {
    var topic = grant.topic.text
    let home = topic.withUTF8 { Self.hash(UnsafeRawBufferPointer($0)) }
    var (free, oldest): (Int?, Int) = (nil, home & (places.count &- 1))
    for step in 0..<Self.placesEach {
      let place = (home &+ step) & (places.count &- 1)
      guard let other = places[place], other.until > grant.given else {
        free = free ?? place
        continue
      }
      if other.isSame(as: grant) {
        free = place
        break
      }
      if other.given < places[oldest]?.given ?? 0 { oldest = place }
    }
    guard let place = free ?? (replacing ? oldest : nil) else { return false }
    places[place] = grant
    return true
  }

  private mutating func grow() {
    let grants = places.compactMap { $0 }
    places = ContiguousArray(repeating: nil, count: places.count * 2)
    for grant in grants { _ = put(grant, replacing: true) }
  }

  /// Not keyed: whoever has topics meet wins no more than that grants are not found.
  private static func hash(_ topic: UnsafeRawBufferPointer) -> Int {
    var hash = UInt64(truncatingIfNeeded: topic.count)
    for byte in topic { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    return Int(truncatingIfNeeded: ((hash ^ (hash &>> 29)) &* 0x9E37_79B9_7F4A_7C15) &>> 32)
  }
}
