extension ContiguousArray {
  /// Like `removeAll(keepingCapacity: true)`, for the few elements of a turn: that one is made for replacing any part of
  /// an array by any other, which is a lot of code to have in no cache.
  @inline(__always)
  mutating func clear() { while !isEmpty { removeLast() } }
}
