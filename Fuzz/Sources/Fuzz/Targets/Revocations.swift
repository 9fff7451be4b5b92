import NotifluxProtocol

@testable import NotifluxJWT

/// A revocation list, and what a token says of itself: two texts, parted from the list by a NUL, and when it was made.
enum Revocations: FuzzTarget {
  static let name = "revocations"

  static func run(_ input: [UInt8]) {
    let parts = input.split(separator: 0, maxSplits: 2, omittingEmptySubsequences: false)
    let text = Array(parts[0])
    let named = parts.dropFirst().map { String(decoding: $0, as: UTF8.self) }
    let issuedAt = Double(input.count * 100_000_000 % 4_000_000_000)
    let list: RevocationList
    do throws(RevocationError) { list = try RevocationList(text) } catch {
      check(error, of: text)
      return
    }
    let lines = text.split(separator: UInt8(ascii: "\n"))
    require(list.count <= lines.count, "each line names one at the most")
    for id in [named.first] + lines.map({ word(1, of: $0) }) {
      for subject in [named.last, id] {
        for issuedAt in [nil, issuedAt] {
          var claims = Claims(topics: [], scope: .subscribe, expires: 1, issuedAt: issuedAt)
          claims.id = id
          claims.subject = subject
          let isNamed = lines.contains { names(claims, $0) }
          require(list.holds(claims) == isNamed, "who is refused is who a line names")
        }
      }
    }
  }

  /// A plain reading of one good line.
  private static func names(_ claims: Claims, _ line: ArraySlice<UInt8>) -> Bool {
    guard let kind = word(0, of: line), let name = word(1, of: line) else { return false }
    if kind == "jti" { return claims.id?.hasSameBytes(as: name) == true }
    guard claims.subject?.hasSameBytes(as: name) == true else { return false }
    guard let time = word(3, of: line), let issuedAt = claims.issuedAt else { return true }
    // A plain number says how it is to be read; any other time is left to the tests of RFC 3339.
    return issuedAt < (Double(time) ?? RFC3339.seconds(time) ?? .nan)
  }

  /// The word at a place, with no regard to what a line must not have.
  private static func word(_ place: Int, of line: ArraySlice<UInt8>) -> String? {
    var rest = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
    for index in 0...place {
      rest = rest.drop { $0 == 0x20 || $0 == 0x09 }
      guard let first = rest.first, first != UInt8(ascii: "#") else { return nil }
      var length = rest.prefix { $0 != 0x20 && $0 != 0x09 }.count
      if first == UInt8(ascii: "\"") {
        // The shortest start of the rest that is a JSON string.
        guard let end = (2...max(2, rest.count)).first(where: { (try? JSONValue.parse(Array(rest.prefix($0)))) != nil })
        else { return nil }
        length = end
      }
      let word = Array(rest.prefix(length))
      if index == place {
        return first == UInt8(ascii: "\"")
          ? (try? JSONValue.parse(word))?.string : String(decoding: word, as: UTF8.self)
      }
      rest = rest.dropFirst(length)
    }
    return nil
  }

  /// An error is a line for a person, names one that is there, and quotes nothing of it.
  private static func check(_ error: RevocationError, of text: [UInt8]) {
    require(isOneLine(error.description), "an error is one line: \(error)")
    let lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    require((1...lines.count).contains(error.line), "an error names a line of the list")
    for word in lines[error.line - 1].split(whereSeparator: { $0 < 0x21 }) where word.count >= 32 {
      require(!error.message.contains(String(decoding: word, as: UTF8.self)), "an error quotes nothing")
    }
  }
}
