import Testing

@testable import CommandTable

/// What a kind makes of a text, or the reason why it makes nothing.
private func reading<Value>(_ text: String, as kind: ValueKind<Value>) -> Result<Value, ValueProblem> {
  do throws(ValueProblem) {
    return .success(try kind.parse(text))
  } catch {
    return .failure(error)
  }
}

private func reason<Value>(_ text: String, as kind: ValueKind<Value>) -> String? {
  guard case .failure(let problem) = reading(text, as: kind) else { return nil }
  return problem.reason
}

@Suite("Kinds of values")
struct ValueKindTests {
  @Test("an integer keeps to its range and says which side it left") func integer() {
    let port = ValueKind.integer(in: 0...65535, placeholder: "PORT")
    #expect(reading("0", as: port) == .success(0))
    #expect(reading("065535", as: port) == .success(65535))
    #expect(reason("65536", as: port) == "is above 65535")
    #expect(reason("-1", as: port) == "is below 0")
    #expect(reason("99999999999999999999999", as: port) == "is above 65535")
    #expect(reason("-99999999999999999999999", as: port) == "is below 0")
    for text in ["", "-", "+5", "1.5", "0x10", " 1", "1 ", "١", "1_000", "--1"] {
      #expect(reason(text, as: port) == "is not an integer", "\(text)")
    }
    #expect(port.accepted == "an integer from 0 to 65535")
    #expect(ValueKind.integer(in: 1...Int.max).accepted == "an integer of at least 1")
    #expect(ValueKind.integer(in: Int.min...9).accepted == "an integer of at most 9")
    #expect(ValueKind.integer().accepted == "an integer")
    #expect(reading("\(Int.min)", as: .integer()) == .success(Int.min))
    #expect(reading("\(Int.max)", as: .integer()) == .success(Int.max))
    #expect(reason("9223372036854775808", as: .integer()) == "is above 9223372036854775807")
    #expect(reason("-9223372036854775809", as: .integer()) == "is below -9223372036854775808")
  }

  @Test(
    "a duration has a unit",
    arguments: [
      ("500ms", Duration.milliseconds(500)), ("15s", .seconds(15)), ("1.5s", .milliseconds(1500)),
      ("5m", .seconds(300)), ("1h", .seconds(3600)), ("1h30m", .seconds(5400)), ("7d", .seconds(604_800)),
      ("0s", .zero), ("0.1ns", .zero), ("1m0.25s", .milliseconds(60_250)), ("10us", .microseconds(10)),
    ])
  func duration(_ text: String, _ value: Duration) {
    #expect(reading(text, as: .duration) == .success(value))
  }

  @Test(
    "a rate is so many a second, whatever its unit",
    arguments: [("0", 0.0), ("100", 100), ("2.5/s", 2.5), ("600/m", 10), ("36/h", 0.01), ("1000000/s", 1e6)])
  func rate(_ text: String, _ value: Double) {
    #expect(reading(text, as: .rate) == .success(value))
  }

  @Test("a rate refuses other units, signs and what is too fast") func badRate() {
    for text in ["", "/s", "5/", "5/d", "5s", "-1", "5 /s", "1e3", "5/s/s"] {
      #expect(reason(text, as: .rate) == "is not a rate", "\(text)")
    }
    for text in ["1000001", "1000001/s", "60000060/m", "99999999999999999999999999999999/h"] {
      #expect(reason(text, as: .rate) == "is above 1000000/s", "\(text)")
    }
  }

  @Test("a duration refuses bare numbers, strange units and disorder") func badDuration() {
    for text in ["5", "1h30", "0", "1.5"] { #expect(reason(text, as: .duration) == "has no unit", "\(text)") }
    for text in ["", "s", "5 s", "5x", "30m1h", "1s1s", "-5s", "+5s", "1.s", ".5s", "5S", "1e3s", "1.0000000001s"] {
      #expect(reason(text, as: .duration) == "is not a duration", "\(text)")
    }
    #expect(reason("99999999999d", as: .duration) == "is above 292 years")
    #expect(reason("99999999999999999999999999999999999999999999h", as: .duration) == "is above 292 years")
    #expect(reason("106751d86400s", as: .duration) == "is above 292 years")
    let short = ValueKind.duration(in: .seconds(1)...(.seconds(5400)))
    #expect(reason("999ms", as: short) == "is below 1s")
    #expect(reason("2h", as: short) == "is above 90m")
    #expect(short.accepted == "a duration such as 500ms, 15s, 5m or 1h, from 1s to 90m")
    let least = ValueKind.duration(in: .seconds(1)...TimeSpan.longest)
    #expect(least.accepted == "a duration such as 500ms, 15s, 5m or 1h, at least 1s")
  }

  @Test("a span of time is written as it is read") func durationText() {
    for text in ["0s", "1ns", "500ms", "90s", "5m", "36h", "7d"] {
      #expect(reading(text, as: .duration).map(TimeSpan.text) == .success(text))
    }
  }

  @Test(
    "a size has powers of 1024 and of 1000, and bare bytes",
    arguments: [
      ("512", 512), ("512B", 512), ("64KiB", 65536), ("1MiB", 1 << 20), ("2GiB", 2 << 30), ("1TiB", 1 << 40),
      ("1KB", 1000), ("1MB", 1_000_000), ("1GB", 1_000_000_000), ("1.5KiB", 1536), ("1mib", 1 << 20), ("0", 0),
    ])
  func size(_ text: String, _ value: Int) { #expect(reading(text, as: .byteCount()) == .success(value)) }

  @Test("a size refuses strange units and what is out of range") func badSize() {
    for text in ["", "KiB", "1 KiB", "1K", "1KiBs", "-1", "1.", "1,5MB"] {
      #expect(reason(text, as: .byteCount()) == "is not a size", "\(text)")
    }
    let kind = ValueKind.byteCount(in: 1024...(64 << 20))
    #expect(kind.accepted == "a size such as 64KiB, 1MiB or 1MB, from 1KiB to 64MiB")
    #expect(reason("1000B", as: kind) == "is below 1KiB")
    #expect(reason("65MiB", as: kind) == "is above 64MiB")
    #expect(reason("99999999TiB", as: .byteCount()) == "is above 9223372036854775807B")
    #expect(reason("99999999999999999999999999999999999999999", as: kind) == "is above 9223372036854775807B")
  }

  @Test("a choice is one of its words, byte for byte") func choice() {
    let kind = ValueKind.choice([("text", 1), ("json", 2), ("Å", 3)])
    #expect(reading("json", as: kind) == .success(2))
    #expect(reason("Json", as: kind) == "is not one of the choices")
    #expect(reason("\u{212B}", as: kind) == "is not one of the choices")
    #expect(reason("", as: kind) == "is empty")
    #expect(kind.accepted == "text, json or Å")
    #expect(kind.placeholder == "text|json|Å")
    #expect(kind.completion == .choices(["text", "json", "Å"]))
    #expect(reading("zsh", as: .choice(of: Shell.self)) == .success(.zsh))
  }

  @Test("a path is not empty") func path() {
    #expect(reading("a b", as: .file) == .success("a b"))
    #expect(reason("", as: .file) == "is empty")
    #expect(reason("", as: .directory) == "is empty")
    #expect(ValueKind.file.completion == .file)
    #expect(ValueKind.directory.completion == .directory)
    #expect(reading("", as: .text) == .success(""))
  }

  @Test("a host and a port are parted by the last colon") func hostAndPort() {
    #expect(reading("127.0.0.1:9090", as: .hostAndPort) == .success(HostAndPort(host: "127.0.0.1", port: 9090)))
    #expect(reading("[fe80::1%eth0]:0", as: .hostAndPort) == .success(HostAndPort(host: "fe80::1%eth0", port: 0)))
    #expect(reason("localhost", as: .hostAndPort) == "has no port")
    #expect(reason("localhost:", as: .hostAndPort) == "has no port")
    #expect(reason("localhost:x", as: .hostAndPort) == "has no port")
    #expect(reason(":80", as: .hostAndPort) == "has no host")
    #expect(reason("a:65536", as: .hostAndPort) == "has a port above 65535")
    #expect(reason("a:99999999999999999999", as: .hostAndPort) == "has a port above 65535")
    #expect(reason("::1:80", as: .hostAndPort) == "has an IPv6 address without brackets")
    #expect(reason("[]:80", as: .hostAndPort) == "has no IPv6 address between its brackets")
    #expect(reason("a b:80", as: .hostAndPort) == "has a host that is neither a name nor an address")
    #expect(HostAndPort(host: "::1", port: 1).description == "[::1]:1")
    #expect(HostAndPort(host: "a", port: 1).description == "a:1")
  }

  @Test("a flag's variable says yes or no") func boolean() {
    for text in ["1", "true", "YES", "on"] { #expect(reading(text, as: .boolean) == .success(true)) }
    for text in ["0", "false", "No", "off"] { #expect(reading(text, as: .boolean) == .success(false)) }
    #expect(reason("maybe", as: .boolean) == "is neither yes nor no")
  }

  @Test("a kind of one's own can be made from another") func mapped() {
    let even = ValueKind.integer(in: 0...9).map(accepted: "an even digit") { value throws(ValueProblem) in
      guard value.isMultiple(of: 2) else { throw ValueProblem("is odd") }
      return "\(value)"
    }
    #expect(reading("4", as: even) == .success("4"))
    #expect(reason("3", as: even) == "is odd")
    #expect(reason("x", as: even) == "is not an integer")
    #expect(even.accepted == "an even digit")
  }
}
