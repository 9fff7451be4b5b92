private import Glibc

/// Comparison byte for byte, for all that is a name to us: `String.==` takes canonically equivalent texts for equal.
extension String {
  /// Whether both texts are the same UTF-8 bytes.
  package func hasSameBytes(as other: String) -> Bool {
    let answer = other.utf8.withContiguousStorageIfAvailable { hasSameBytes(as: UnsafeRawBufferPointer($0)) }
    return answer ?? (utf8.count == other.utf8.count && utf8.elementsEqual(other.utf8))
  }

  /// Whether the text is these UTF-8 bytes.
  package func hasSameBytes(as other: UnsafeRawBufferPointer) -> Bool {
    guard utf8.count == other.count else { return false }
    let answer = utf8.withContiguousStorageIfAvailable { UnsafeRawBufferPointer($0).hasSameBytes(as: other) }
    return answer ?? utf8.elementsEqual(other)
  }
}

extension UnsafeRawBufferPointer {
  /// Whether both hold the same bytes.
  package func hasSameBytes(as other: UnsafeRawBufferPointer) -> Bool {
    guard count == other.count, let left = baseAddress, let right = other.baseAddress else {
      return count == other.count
    }
    return memcmp(left, right, count) == 0
  }
}

/// A text as a dictionary key that is equal to another only byte for byte.
package struct ByteKey: Hashable, Sendable {
  package let text: String

  package init(_ text: String) {
    self.text = text
  }

  package static func == (left: ByteKey, right: ByteKey) -> Bool {
    left.text.hasSameBytes(as: right.text)
  }

  package func hash(into hasher: inout Hasher) {
    var text = text
    text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
  }
}
