import Testing

@testable import NotifluxProtocol

@Suite("JSON, against a plain reader")
struct JSONAgreementTests {
  /// A body of a publish, as a text with faults in it: wrong members, wrong values, wrong spellings, wrong bytes.
  private struct Bodies {
    var random: SeededGenerator

    mutating func one(of choices: String...) -> String { choices.randomElement(using: &random) ?? "" }
    mutating func chance(_ part: Int) -> Bool { Int.random(in: 0..<part, using: &random) == 0 }

    mutating func space() -> String { chance(4) ? one(of: " ", "\n", "\t\r ", "\u{C}", "\u{A0}") : "" }

    mutating func text() -> String {
      let alphabet = ["a", "é", "€", "😀", "\\n", "\\\"", "\\u00e9", "\\ud83d\\ude00", " ", "plain text of some length"]
      let faults = ["\n", "\\x", "\\u12g4", "\\ud83d", "\\ude00", "\u{7F}", "\\u0000", "\"", "\\"]
      var text = "\""
      for _ in 0..<Int.random(in: 0..<(chance(8) ? 60 : 6), using: &random) {
        text += (chance(60) ? faults : alphabet).randomElement(using: &random) ?? ""
      }
      return text + "\""
    }

    mutating func value(depth: Int) -> String {
      switch Int.random(in: 0..<(depth > 0 ? 9 : 5), using: &random) {
      case 0: one(of: "null", "true", "false", "nul", "tru", "False")
      case 1: one(of: "0", "-1", "1.5e3", "01", "1.", "-", "1e400", ".5", "12345678901234567890")
      case 2...4: text()
      case 5: "[" + (0..<Int.random(in: 0..<4, using: &random)).map { _ in text() }.joined(separator: ",") + "]"
      case 6: one(of: "[", "[[", "[[[[[[[[[[") + value(depth: depth - 1) + one(of: "]", "]]", "]]]]]]]]]]", "")
      default: object(depth: depth - 1)
      }
    }

    mutating func name() -> String {
      one(
        of: #""topic""#, #""topic""#, #""topics""#, #""message""#, #""message""#, #""token""#, #""id""#, #""else""#,
        #""messages""#, #""messag""#, #""t\u006fpic""#, #""\u0069d""#, #""id\u0000""#, #""tokén""#, #""a longer name""#,
        #""a longer n\u0061me""#, #""a longer nama""#, #""""#, #"topic"#)
    }

    mutating func object(depth: Int) -> String {
      let members = (0..<Int.random(in: 0..<(chance(20) ? 40 : 6), using: &random)).map { index in
        let name = index > 12 || chance(8) ? "\"member \(Int.random(in: 0..<200, using: &random))\"" : name()
        let value = chance(3) ? value(depth: depth) : text()
        return space() + name + space() + (chance(80) ? "" : ":") + space() + value + space()
      }
      return "{" + members.joined(separator: chance(80) ? ";" : ",") + one(of: "}", "}", "}", "}", "}", "}", ",}", "")
    }

    mutating func body() -> [UInt8] {
      var bytes = Array((space() + (chance(12) ? value(depth: 3) : object(depth: 3)) + space()).utf8)
      while chance(3), !bytes.isEmpty {
        let index = Int.random(in: bytes.indices, using: &random)
        switch Int.random(in: 0..<5, using: &random) {
        case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes.remove(at: index)
        case 2: bytes.insert(UInt8.random(in: 0x80...255, using: &random), at: index)
        case 3: bytes.removeSubrange(index...)
        default: bytes.insert("{}[]\",:\\0e-".utf8.randomElement(using: &random) ?? 0, at: index)
        }
      }
      return bytes
    }
  }

  /// The value or the error, of either reader.
  private func both<Value, Failure>(
    _ bytes: [UInt8], _ ours: (UnsafeRawBufferPointer) throws(Failure) -> Value,
    _ reference: (UnsafeRawBufferPointer) throws(Failure) -> Value
  ) -> (Result<Value, Failure>, Result<Value, Failure>) {
    // What follows the bytes would make any string go on, if anybody looked.
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count + 64, alignment: 1)
    defer { copy.deallocate() }
    copy.initializeMemory(as: UInt8.self, repeating: 0x61)
    copy.copyBytes(from: bytes)
    let buffer = UnsafeRawBufferPointer(rebasing: copy[..<bytes.count])
    return (
      Result { () throws(Failure) in try ours(buffer) }, Result { () throws(Failure) in try reference(buffer) }
    )
  }

  @Test("a body of a publish means the same, or is refused with the same words", arguments: 0..<80)
  func bodies(seed: Int) {
    var bodies = Bodies(random: SeededGenerator(seed: UInt64(seed)))
    for _ in 0..<100 {
      let body = bodies.body()
      let (ours, reference) = both(
        body, { (bytes) throws(Refusal) in try BroadcastRequest(json: bytes).json },
        { (bytes) throws(Refusal) in try ReferenceReader.broadcastRequest(bytes).json })
      #expect(ours == reference, "\(String(decoding: body, as: UTF8.self).debugDescription)")
    }
  }

  @Test("a value is the same, or is refused at the same place for the same reason", arguments: 0..<80)
  func values(seed: Int) {
    var bodies = Bodies(random: SeededGenerator(seed: UInt64(seed) + 1000))
    for _ in 0..<100 {
      let body = bodies.body()
      let (ours, reference) = both(
        body, { (bytes) throws(JSONError) in try JSONValue.parse(bytes, maximumDepth: 6) },
        { (bytes) throws(JSONError) in try ReferenceReader.parse(bytes, maximumDepth: 6) })
      #expect(ours == reference, "\(String(decoding: body, as: UTF8.self).debugDescription)")
    }
  }

  @Test("what is skipped is refused like what is read")
  func skipped() {
    var bodies = Bodies(random: SeededGenerator(seed: 5))
    for _ in 0..<3000 {
      let value = Array(bodies.value(depth: 3).utf8)
      let body = Array(#"{"topic":"t","message":"m","unknown":"#.utf8) + value + Array("}".utf8)
      let (ours, reference) = both(
        body, { (bytes) throws(Refusal) in try BroadcastRequest(json: bytes).json },
        { (bytes) throws(Refusal) in try ReferenceReader.broadcastRequest(bytes).json })
      #expect(ours == reference, "\(String(decoding: body, as: UTF8.self).debugDescription)")
    }
  }

  @Test("the end of a string is found wherever it stands among its neighbours, whatever they are")
  func everyPlace() {
    for filler in ["a", "é", "€", "\u{7F}"] {
      for special in ["", "\"", "\\n", "\n", "\u{1F}", "\\", "é", "\u{80}", "\u{A2}", "\u{DC}"] {
        for before in 0..<75 {
          let text = "\"" + String(repeating: filler, count: before) + special
          for end in ["", "\"", "a\"", "seven...\"", "a tail of more than thirty-two bytes, of ASCII\"", "cut off"] {
            let bytes = Array((text + end).utf8)
            let (ours, reference) = both(
              bytes, { (bytes) throws(JSONError) in try JSONValue.parse(bytes) },
              { (bytes) throws(JSONError) in try ReferenceReader.parse(bytes) })
            #expect(ours == reference, "\(special.debugDescription) after \(before)")
          }
        }
      }
    }
  }

  @Test("bytes that are not UTF-8 are found wherever they stand, before and after escapes")
  func everyByte() {
    for byte in UInt8(0x80)...0xFF {
      for before in [0, 1, 6, 7, 8, 31, 32, 33, 63, 64, 65] {
        for middle in [[byte], [byte, 0x80], [byte, 0xBF, 0xBF], [byte, 0x90, 0x80, 0x80], [byte, 0x5C, 0x6E]] {
          let bytes = [0x22] + [UInt8](repeating: 0x61, count: before) + middle + Array("tail of it\"".utf8)
          let (ours, reference) = both(
            bytes, { (bytes) throws(JSONError) in try JSONValue.parse(bytes) },
            { (bytes) throws(JSONError) in try ReferenceReader.parse(bytes) })
          #expect(ours == reference, "\(middle) after \(before)")
        }
      }
    }
  }
}

/// SplitMix64: the same numbers for the same seed, everywhere.
private struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
