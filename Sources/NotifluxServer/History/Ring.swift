/// A first-in, first-out queue with access by index, over one array used in a circle. Adding and removing are amortised
/// O(1); at a steady length nothing is allocated. The array shrinks when three quarters of it stand empty.
struct Ring<Element> {
  private var storage: ContiguousArray<Element?> = []
  private var start = 0
  private(set) var count = 0

  var isEmpty: Bool { count == 0 }
  /// The elements there is room for.
  var capacity: Int { storage.count }
  var first: Element? { self[0] }

  /// The element at a distance from the first; `nil` outside the queue.
  subscript(index: Int) -> Element? {
    guard index >= 0, index < count else { return nil }
    return storage[place(index)]
  }

  /// Room is doubled when there is none, but never beyond `limit` elements while that is enough.
  mutating func append(_ element: Element, limit: Int = .max) {
    if count == storage.count { resize(to: max(count + 1, min(count * 2, limit))) }
    storage[place(count)] = element
    count += 1
  }

  @discardableResult
  mutating func removeFirst() -> Element? {
    guard count > 0 else { return nil }
    let element = storage[start]
    storage[start] = nil
    start = place(1)
    count -= 1
    if storage.count > 8, count * 4 <= storage.count { resize(to: max(count * 2, 1)) }
    return element
  }

  /// Keeps, in order, what `transform` returns for each element. O(count).
  mutating func rewrite(_ transform: (Element) -> Element?) {
    var kept = Ring()
    for index in 0..<count {
      if let element = self[index], let element = transform(element) { kept.append(element) }
    }
    self = kept
  }

  /// The first index whose element is past the boundary, for elements that are all before it, then all past it.
  func firstIndex(past isPast: (Element) -> Bool) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = low + (high - low) / 2
      if let element = self[middle], !isPast(element) { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private func place(_ index: Int) -> Int {
    let place = start + index
    return place < storage.count ? place : place - storage.count
  }

  private mutating func resize(to capacity: Int) {
    var grown = ContiguousArray<Element?>()
    grown.reserveCapacity(capacity)
    for index in 0..<count { grown.append(storage[place(index)]) }
    for _ in count..<capacity { grown.append(nil) }
    storage = grown
    start = 0
  }
}

extension Ring: Sendable where Element: Sendable {}
