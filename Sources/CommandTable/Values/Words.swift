// Text as a table needs it: comparison by bytes, and lists as a person writes them.

extension StringProtocol {
  /// Equality of bytes. `==` would take a Kelvin sign for the letter K.
  func hasSameBytes(as other: some StringProtocol) -> Bool { utf8.elementsEqual(other.utf8) }
}

extension [String] {
  /// `a`, `a or b`, `a, b or c`.
  func joinedByOr() -> String {
    guard let last, count > 1 else { return first ?? "" }
    return dropLast().joined(separator: ", ") + " or " + last
  }
}
