import Foundation
import Testing

@testable import NotifluxProtocol

@Suite("JSON, properties")
struct JSONPropertyTests {
  @Test("what is written is read back the same, by us and by Foundation", arguments: 0..<300)
  func roundTrip(seed: Int) throws {
    var random = SeededGenerator(seed: UInt64(seed))
    let value = JSONValue.random(depth: 4, using: &random)
    #expect(try JSONValue.parse(value.serialized()) == value)
    #expect(try JSONValue.parse(value.prettyPrinted()) == value)
    let spelled = Data(value.spelled(using: &random).utf8)
    #expect(try JSONValue.parse(Array(spelled)) == value)
    let foreign = try JSONSerialization.jsonObject(with: spelled, options: .fragmentsAllowed)
    let same = value.means(foreign)
    #expect(same)
  }

  @Test("damaged texts never trap, and what is still accepted is written and read back the same", arguments: 0..<300)
  func damaged(seed: Int) throws {
    var random = SeededGenerator(seed: UInt64(seed) + 1000)
    let bytes = Array(JSONValue.random(depth: 4, using: &random).spelled(using: &random).utf8)
    for _ in 0..<20 {
      var damaged = bytes
      for _ in 0...Int.random(in: 0..<3, using: &random) where !damaged.isEmpty {
        let index = Int.random(in: damaged.indices, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: damaged[index] = UInt8.random(in: 0...255, using: &random)
        case 1: damaged.remove(at: index)
        default: damaged.insert("{}[]\",:\\0e-".utf8.randomElement(using: &random) ?? 0, at: index)
        }
      }
      switch Result(catching: { () throws(JSONError) in try JSONValue.parse(damaged) }) {
      case .success(let value):
        #expect(try JSONValue.parse(value.serialized()) == value)
        guard value.fitsDoubles else { continue }
        let foreign = try? JSONSerialization.jsonObject(with: Data(damaged), options: .fragmentsAllowed)
        #expect(
          foreign != nil,
          "Foundation refuses what we accept: \(String(decoding: damaged, as: UTF8.self).debugDescription)")
      case .failure(let error):
        #expect((0...damaged.count).contains(error.offset))
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

extension JSONValue {
  fileprivate static func random(depth: Int, using random: inout SeededGenerator) -> JSONValue {
    switch Int.random(in: 0..<(depth > 0 ? 9 : 6), using: &random) {
    case 0: return .null
    case 1: return .bool(Bool.random(using: &random))
    case 2: return .number(JSONNumber(Int32.random(in: .min ... .max, using: &random)))
    case 3: return .number(JSONNumber(Double.random(in: -1e6...1e6, using: &random)) ?? JSONNumber(0))
    case 4, 5: return .string(text(using: &random))
    case 6:
      return .array((0..<Int.random(in: 0..<5, using: &random)).map { _ in .random(depth: depth - 1, using: &random) })
    default:
      var object = JSONObject()
      for _ in 0..<Int.random(in: 0..<6, using: &random) {
        object[text(using: &random)] = .random(depth: depth - 1, using: &random)
      }
      return .object(object)
    }
  }

  private static func text(using random: inout SeededGenerator) -> String {
    let alphabet = Array("ab\"\\/\n\t\0\u{1F} é€😀\u{10FFFF}\u{2028}{}[]:,".unicodeScalars)
    var text = String.UnicodeScalarView()
    for _ in 0..<Int.random(in: 0..<20, using: &random) {
      text.append(alphabet.randomElement(using: &random) ?? "x")
    }
    return String(text)
  }

  /// One of the many spellings of the value: white space and escapes at random.
  fileprivate func spelled(using random: inout SeededGenerator) -> String {
    func space() -> String { [" ", "\n", "\t", "\r", "", "", ""].randomElement(using: &random) ?? "" }
    func quoted(_ text: String) -> String {
      var spelled = "\""
      for scalar in text.unicodeScalars {
        if scalar.value < 0x20 || scalar == "\"" || scalar == "\\" || Bool.random(using: &random) {
          for unit in String(scalar).utf16 { spelled += "\\u" + String(format: "%04X", Int(unit)) }
        } else {
          spelled.unicodeScalars.append(scalar)
        }
      }
      return spelled + "\""
    }
    switch self {
    case .string(let text): return quoted(text)
    case .array(let elements):
      return "[" + space() + elements.map { $0.spelled(using: &random) + space() }.joined(separator: "," + space())
        + "]"
    case .object(let object):
      let members = object.members.map {
        quoted($0.name) + space() + ":" + space() + $0.value.spelled(using: &random) + space()
      }
      return "{" + space() + members.joined(separator: "," + space()) + "}"
    case .null, .bool, .number: return space() + String(decoding: serialized(), as: UTF8.self) + space()
    }
  }

  /// Foundation refuses numbers beyond the doubles.
  fileprivate var fitsDoubles: Bool {
    switch self {
    case .number(let number): number.double != nil
    case .array(let elements): elements.allSatisfy(\.fitsDoubles)
    case .object(let object): object.members.allSatisfy(\.value.fitsDoubles)
    case .null, .bool, .string: true
    }
  }

  /// Whether Foundation understood the same.
  fileprivate func means(_ foreign: Any) -> Bool {
    switch self {
    case .null: return foreign is NSNull
    case .bool(let value): return foreign as? Bool == value
    case .number(let number):
      // Foundation reads some numbers by way of Decimal, which costs it the last bits.
      guard let ours = number.double, let theirs = (foreign as? NSNumber)?.doubleValue else { return false }
      return abs(ours - theirs) <= abs(ours) * 1e-14
    case .string(let text): return (foreign as? String).map { $0.hasSameBytes(as: text) } ?? false
    case .array(let elements):
      guard let foreign = foreign as? [Any], foreign.count == elements.count else { return false }
      return zip(elements, foreign).allSatisfy { $0.means($1) }
    case .object(let object):
      guard let foreign = foreign as? [String: Any], foreign.count == object.count else { return false }
      return object.members.allSatisfy { member in foreign[member.name].map { member.value.means($0) } ?? false }
    }
  }
}
