extension ContiguousArray {
  /// Like `removeAll(keepingCapacity: true)`, which is made for replacing any part of an array by any other: for a few
  /// elements, that is a lot of code to have in no cache.
  @inline(__always)
  mutating func clear() {
    if count > 16 { return removeAll(keepingCapacity: true) }
    while !isEmpty { removeLast() }
  }
}
