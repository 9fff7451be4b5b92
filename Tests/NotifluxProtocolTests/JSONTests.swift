import Testing

@testable import NotifluxProtocol

@Suite("JSON")
struct JSONTests {
  @Test(
    "valid texts are read as what they mean",
    arguments: [
      ("null", .null), (" true\n", .bool(true)), ("\tfalse\r", .bool(false)), ("0", 0),
      ("-0", .number(.init(text: "-0"))),
      ("\"\"", ""), ("[]", []), ("{}", [:]), ("[ ]", []), ("{ }", [:]), ("[1,2]", [1, 2]), ("[[[]]]", [[[]]]),
      (#"{"a":1,"b":[{}]}"#, ["a": 1, "b": [[:]]]), (#"{ "" : null }"#, ["": .null]),
      (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"), (#""\u00e9\u0000\uD83D\ude00!""#, "é\0😀!"),
      ("\"é€😀\u{7F}\u{2028}\"", "é€😀\u{7F}\u{2028}"), (#""\ufffe\uFFFF""#, "\u{FFFE}\u{FFFF}"),
      ("[1.5e3,1E+2,-1e-2]", .array(["1.5e3", "1E+2", "-1e-2"].map { .number(.init(text: $0)) })),
      (#""a long text without any escape, and then \n one""#, "a long text without any escape, and then \n one"),
    ] as [(String, JSONValue)])
  func valid(text: String, value: JSONValue) throws {
    #expect(try JSONValue.parse(text) == value)
  }

  @Test(
    "what is not JSON is refused with the reason and the place",
    arguments: [
      ("", "the text ends where a value was expected, at byte 0"),
      ("  ", "the text ends where a value was expected, at byte 2"),
      (#"{"topic":"t" "x":1}"#, "expected ',' or '}' at byte 13"), ("[1 2]", "expected ',' or ']' at byte 3"),
      ("[1,]", "expected a value at byte 3"), ("[,1]", "expected a value at byte 1"),
      (#"{"a":1,}"#, "expected a member name at byte 7"),
      ("{a:1}", "expected a member name or '}' at byte 1"), ("{'a':1}", "expected a member name or '}' at byte 1"),
      (#"{"a" 1}"#, "expected ':' at byte 5"), (#"{"a":}"#, "expected a value at byte 5"),
      ("{", "the text ends where a member name or '}' was expected, at byte 1"),
      (#"{"a":1"#, "the text ends where ',' or '}' was expected, at byte 6"),
      ("[1", "the text ends where ',' or ']' was expected, at byte 2"),
      (#""abc"#, "the text ends where the end of a string was expected, at byte 4"),
      (#""\"#, "the text ends where the rest of an escape was expected, at byte 2"),
      (#""\u00"#, "the text ends where a hexadecimal digit was expected, at byte 5"),
      ("{} {}", "more text after the end of the value at byte 3"),
      ("1 //", "more text after the end of the value at byte 2"),
      ("nul", "expected a value at byte 0"), ("True", "expected a value at byte 0"),
      ("truex", "more text after the end of the value at byte 4"),
      ("NaN", "expected a value at byte 0"), ("Infinity", "expected a value at byte 0"),
      ("/**/1", "expected a value at byte 0"),
      ("01", "a number must not start with a needless 0 at byte 0"),
      ("-01", "a number must not start with a needless 0 at byte 1"),
      ("+1", "expected a value at byte 0"), (".5", "expected a value at byte 0"),
      ("1.", "the text ends where a digit was expected, at byte 2"),
      ("-", "the text ends where a digit was expected, at byte 1"), ("1.e5", "expected a digit at byte 2"),
      ("1e", "the text ends where a digit was expected, at byte 2"), ("1e+x", "expected a digit at byte 3"),
      ("0x10", "more text after the end of the value at byte 1"),
      ("\"a\nb\"", "a control character in a string must be escaped at byte 2"),
      ("\"\\n\t\"", "a control character in a string must be escaped at byte 3"),
      ("\"\0\"", "a control character in a string must be escaped at byte 1"),
      (#""\x41""#, "unknown escape in a string at byte 1"), (#""\U0041""#, "unknown escape in a string at byte 1"),
      (#""\u00g0""#, "expected a hexadecimal digit at byte 5"), (#""\ud800""#, "half of a surrogate pair at byte 1"),
      (#""\ud800\n""#, "half of a surrogate pair at byte 1"),
      (#""\ud800\ud800""#, "half of a surrogate pair at byte 1"),
      (#""\ud800\u0041""#, "half of a surrogate pair at byte 1"),
      (#""x\udc00\ud800""#, "half of a surrogate pair at byte 2"),
      ("\u{FEFF}{}", "the text must not start with a byte order mark at byte 0"),
      ("\u{A0}1", "expected a value at byte 0"),
      (#"{"a":1,"b":2,"a":3}"#, #"duplicate member "a" at byte 13"#),
      (#"{"a":1,"\u0061":3}"#, #"duplicate member "a" at byte 7"#),
      (#"[{"x":{"":1,"":2}}]"#, #"duplicate member "" at byte 12"#),
      ("{\"\u{7F}\":1,\"\u{7F}\":2}", #"duplicate member "\u007f" at byte 7"#),
      ("{\"\u{9B}\u{2028}\":1,\"\u{9B}\u{2028}\":2}", #"duplicate member "\u009b\u2028" at byte 11"#),
    ] as [(String, String)])
  func invalid(text: String, message: String) {
    let error = #expect(throws: JSONError.self) { try JSONValue.parse(text) }
    #expect(error?.message == message)
  }

  @Test(
    "bytes that are not UTF-8 are refused at the first wrong one",
    arguments: [
      ([0x80], 0), ([0x61, 0xC3], 1), ([0xC0, 0xAF], 0), ([0xC1, 0xBF], 0), ([0xE0, 0x80, 0x80], 0),
      ([0xED, 0xA0, 0x80], 0),
      ([0xED, 0xBF, 0xBF], 0), ([0xF0, 0x80, 0x80, 0x80], 0), ([0xF4, 0x90, 0x80, 0x80], 0), ([0xF8, 0x88], 0),
      ([0xFF], 0),
      ([0xC3, 0xA9, 0xE2, 0x82], 2), ([0x5C, 0x6E, 0xFE], 2), ([0xC3, 0x5C, 0x6E, 0xA9], 0),
      ([0xC3, 0x5C, 0x75, 0x30, 0x30, 0x61, 0x39], 0),
    ] as [([UInt8], Int)])
  func brokenUTF8(content: [UInt8], offset: Int) {
    #expect(throws: JSONError(reason: .invalidUTF8, offset: offset + 1)) {
      try JSONValue.parse([0x22] + content + [0x22])
    }
    #expect(throws: JSONError(reason: .invalidUTF8, offset: offset + 2)) {
      try JSONValue.parse([0x7B, 0x22] + content + [0x22, 0x3A, 0x31, 0x7D])
    }
  }

  @Test("names are compared byte for byte: composed and decomposed é are two members")
  func names() throws {
    let object = try #require(try JSONValue.parse("{\"\u{E9}\":1,\"e\u{301}\":2}").object)
    #expect(object.count == 2)
    #expect(object["\u{E9}"] == 1)
    #expect(object["e\u{301}"] == 2)
    #expect(object["e"] == nil)
    #expect(JSONValue.string("\u{E9}") != JSONValue.string("e\u{301}"))
    #expect(object != JSONObject(distinct: object.members.reversed()))
  }

  @Test("a member set anew keeps its place, nil takes it away")
  func members() {
    var object: JSONObject = ["a": 1, "b": 2]
    object["a"] = "x"
    object["c"] = 3
    object["b"] = nil
    object["nothing"] = nil
    #expect(object == ["a": "x", "c": 3])
    #expect(!object.isEmpty)
  }

  @Test("nesting up to the limit is read, one more is refused where it opens")
  func depth() throws {
    let open = String(repeating: "[", count: 32)
    let close = String(repeating: "]", count: 32)
    #expect(try JSONValue.parse(open + close + "").array?.count == 1)
    #expect(throws: JSONError(reason: .tooDeep(maximum: 32), offset: 32)) { try JSONValue.parse(open + "{}" + close) }
    #expect(try JSONValue.parse("[[],{},[]]", maximumDepth: 2).array?.count == 3)
    #expect(throws: JSONError(reason: .tooDeep(maximum: 0), offset: 0)) { try JSONValue.parse("[]", maximumDepth: 0) }
    #expect(throws: JSONError.self) { try JSONValue.parse([UInt8](repeating: 0x5B, count: 1_000_000)) }
  }

  @Test("an object of 100,000 members is read, and the one duplicate in it is found")
  func manyMembers() throws {
    var text = "{"
    for index in 0..<100_000 { text += "\"member \(index)\":\(index)," }
    let good = try JSONValue.parse(text + "\"end\":true}").object
    #expect(good?.count == 100_001)
    #expect(good?["member 99999"] == 99_999)
    #expect(throws: JSONError(reason: .duplicateMember("member 17"), offset: text.utf8.count)) {
      try JSONValue.parse(text + "\"member 17\":0}")
    }
  }

  @Test("duplicates are found below and above the size where names begin to be hashed", arguments: [2, 16, 17, 18, 40])
  func duplicateAtEverySize(count: Int) {
    for twin in 0..<(count - 1) {
      let names = (0..<count).map { "\"\($0 == count - 1 ? twin : $0)\":0" }
      let error = #expect(throws: JSONError.self) { try JSONValue.parse("{" + names.joined(separator: ",") + "}") }
      #expect(error?.reason == .duplicateMember(String(twin)))
    }
  }

  @Test("a long or wild name in an error is cut and escaped")
  func nameInError() {
    let name = String(repeating: "n", count: 50)
    let error = #expect(throws: JSONError.self) { try JSONValue.parse("{\"\\u001b\(name)\":1,\"\\u001b\(name)\":1}") }
    #expect(error?.message == "duplicate member \"\\u001b\(name.prefix(39))…\" at byte 62")
  }

  @Test("of all bytes, the 22 hexadecimal digits may stand in an escape, and each is worth what it says")
  func hexadecimalDigits() throws {
    for place in 0..<4 {
      for byte in UInt8.min...UInt8.max {
        var text = Array(#""\u0000""#.utf8)
        text[3 + place] = byte
        let digit = byte < 0x80 ? Character(UnicodeScalar(byte)).hexDigitValue : nil
        let result = Result { try text.withUnsafeBytes { try JSONValue.parse($0) } }
        switch (result, digit) {
        case (.success(let value), let digit?):
          #expect(value.string?.unicodeScalars.map { Int($0.value) } == [digit << (12 - 4 * place)])
        case (.failure(let error as JSONError), nil): #expect(error.offset == 3 + place, "\(byte)")
        default: Issue.record("\(byte) at \(place): \(result)")
        }
      }
    }
  }

  @Test("a string of 2 MiB is read whole, with and without escapes at its end")
  func longString() throws {
    let long = String(repeating: "0123456789abcdé😀 ", count: 110_000)
    #expect(try JSONValue.parse("\"\(long)\"").string?.utf8.count == long.utf8.count)
    #expect(try JSONValue.parse("\"\(long)\\n\"").string?.utf8.count == long.utf8.count + 1)
    #expect(try JSONValue.parse(JSONValue.string(long + "\n").serialized()) == .string(long + "\n"))
  }
}

@Suite("JSON numbers")
struct JSONNumberTests {
  @Test(
    "numbers keep their text and offer what they are worth",
    arguments: [
      ("0", 0, 0), ("-12", -12, -12), ("1e3", 1000, 1000), ("5.0", 5, 5), ("1.5", 1.5, nil), ("1e400", nil, nil),
      ("9223372036854775807", 9.223372036854775807e18, Int.max), ("9223372036854775808", 9.223372036854775808e18, nil),
      ("1e-400", 0, 0), ("-0", 0, 0), ("1300819380.25", 1_300_819_380.25, nil), ("1e17", 1e17, nil),
    ] as [(String, Double?, Int?)])
  func worth(text: String, double: Double?, int: Int?) throws {
    let number = try #require(try JSONValue.parse(text).number)
    #expect(number.text == text)
    #expect(number.double == double)
    #expect(number.int == int)
    #expect(JSONValue.number(number).serialized() == Array(text.utf8))
  }

  @Test("numbers made from doubles are JSON and come back exactly")
  func fromDouble() throws {
    for value in [
      0.0, -0.0, 1, -1.5, 1e21, Double.leastNonzeroMagnitude, Double.greatestFiniteMagnitude, 0x1p53, 1_764_000_000.125,
    ] {
      let number = try #require(JSONNumber(value))
      #expect(try JSONValue.parse(number.text).number?.double == value)
    }
    #expect(JSONNumber(1_300_819_380.0)?.text == "1300819380")
    #expect(JSONNumber(Double.nan) == nil)
    #expect(JSONNumber(-Double.infinity) == nil)
    #expect(JSONNumber(UInt64.max).text == "18446744073709551615")
  }
}

@Suite("JSON writing")
struct JSONWriterTests {
  @Test("quote, backslash and control characters are escaped, all else stays as it is")
  func escapes() {
    var bytes: [UInt8] = []
    JSONWriter.string("\"\\/\u{8}\t\n\u{C}\r\0\u{1F}\u{7F}é\u{2028}😀", into: &bytes)
    #expect(String(decoding: bytes, as: UTF8.self) == #""\"\\/\b\t\n\f\r\u0000\u001f"# + "\u{7F}é\u{2028}😀\"")
  }

  @Test("escapes are found wherever they stand, however many stand together")
  func manyEscapes() throws {
    for gap in [0, 1, 7, 8, 9, 40, 100] {
      for count in [1, 80, 300] {
        let part = String(repeating: "é", count: gap / 2) + String(repeating: "x", count: gap) + "\u{1}\"\u{1F}"
        let text = String(repeating: part, count: count)
        var bytes: [UInt8] = []
        JSONWriter.string(text, into: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self).hasPrefix("\"" + part.prefix(gap)))
        #expect(try JSONValue.parse(bytes) == .string(text))
      }
    }
  }

  @Test("commas stand between members and elements and nowhere else")
  func commas() {
    var writer = JSONWriter(reservingCapacity: 64)
    writer.object {
      $0.member("type", "x")
      $0.member("n", 1)
      $0.member("b", true)
      $0.name("list")
      $0.array {
        $0.value(1)
        $0.object { _ in }
        $0.array { $0.value("y") }
        $0.value(JSONValue.null)
      }
      $0.member("id", .number(.init(text: "1.50")))
    }
    #expect(
      String(decoding: writer.bytes, as: UTF8.self)
        == #"{"type":"x","n":1,"b":true,"list":[1,{},["y"],null],"id":1.50}"#)
  }

  @Test("the layout for people is the same value, and shows what a terminal would act upon")
  func pretty() throws {
    let value: JSONValue = ["a": [1, [], "x\u{9B}31m\u{202E}"], "b": [:], "c\u{200B}": .null]
    let text = value.prettyPrinted()
    #expect(
      text == """
        {
          "a": [
            1,
            [],
            "x\\u009b31m\\u202e"
          ],
          "b": {},
          "c\\u200b": null
        }
        """)
    #expect(try JSONValue.parse(text) == value)
  }
}
