import Testing

@testable import NotifluxServer

@Suite struct OriginPolicyTests {
  @Test("without a list any page may connect, and nothing is said about CORS")
  func unrestricted() {
    let policy = OriginPolicy(origins: [])
    #expect(policy.permitsWebSocket(from: "https://evil.example"))
    #expect(policy.fields(for: "https://evil.example").isEmpty)
  }

  @Test("with a list only its pages may connect, whatever the case, and read answers")
  func listed() {
    let policy = OriginPolicy(origins: ["https://A.example", "http://b.example:81"])
    #expect(policy.permitsWebSocket(from: "https://a.example"))
    #expect(policy.permitsWebSocket(from: nil), "no browser is without an Origin")
    for origin in ["http://a.example", "https://a.example:444", "https://xa.example", "null", "*"] {
      #expect(!policy.permitsWebSocket(from: origin))
      #expect(policy.fields(for: origin).map { "\($0.name)" } == ["vary"])
    }
    #expect(policy.fields(for: "https://a.example").map(\.value) == ["https://a.example", "origin"])
  }

  @Test("a star lets every page do both")
  func star() {
    let policy = OriginPolicy(origins: ["https://a.example", "*"])
    #expect(policy.permitsWebSocket(from: "https://b.example"))
    #expect(policy.fields(for: nil).map(\.value) == ["*"])
  }
}
