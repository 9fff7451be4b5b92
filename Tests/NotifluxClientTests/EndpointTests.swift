import NotifluxClient
import Testing

@Suite("An endpoint")
struct EndpointTests {
  struct Good: Sendable, CustomTestStringConvertible {
    let url: String
    let host: String
    let port: Int
    let isTLS: Bool
    let basePath: String
    let hostHeader: String
    let description: String
    var testDescription: String { url }
  }

  static let good = [
    Good("http://localhost:8080", "localhost", 8080, false, "", "localhost:8080", "http://localhost:8080"),
    Good("http://localhost", "localhost", 80, false, "", "localhost", "http://localhost"),
    Good("https://Example.COM", "example.com", 443, true, "", "example.com", "https://example.com"),
    Good("https://example.com:80/", "example.com", 80, true, "", "example.com:80", "https://example.com:80"),
    Good("ws://127.0.0.1:80", "127.0.0.1", 80, false, "", "127.0.0.1", "http://127.0.0.1"),
    Good("WSS://h:443", "h", 443, true, "", "h", "https://h"),
    Good("http://[::1]:9", "::1", 9, false, "", "[::1]:9", "http://[::1]:9"),
    Good("https://[2001:DB8::1]", "2001:db8::1", 443, true, "", "[2001:db8::1]", "https://[2001:db8::1]"),
    Good("https://h/push/hub/", "h", 443, true, "/push/hub", "h", "https://h/push/hub"),
    Good("http://a_b-c.d:65535//", "a_b-c.d", 65535, false, "", "a_b-c.d:65535", "http://a_b-c.d:65535"),
  ]

  @Test("reads every form of a server's URL", arguments: good)
  func reads(_ good: Good) throws {
    let endpoint = try Endpoint(good.url)
    #expect(endpoint.host == good.host)
    #expect(endpoint.port == good.port)
    #expect(endpoint.isTLS == good.isTLS)
    #expect(endpoint.basePath == good.basePath)
    #expect(endpoint.hostHeader == good.hostHeader)
    #expect(endpoint.description == good.description)
    #expect(try Endpoint(endpoint.description) == endpoint)
  }

  static let bad: [(String, String)] = [
    ("", "the URL is empty"),
    ("localhost:8080", #""localhost:8080" has no scheme; write http://localhost:8080"#),
    ("//h", "write http://h"),
    ("ftp://h", #"the scheme "ftp"; use http, https, ws or wss"#),
    ("unix:/run/notiflux.sock", "a Unix-domain socket, and clients ask over TCP; give the URL of the proxy"),
    ("unix:///run/notiflux.sock", "a Unix-domain socket"),
    ("http://unix:/run/notiflux.sock", "have the server --listen 127.0.0.1:PORT"),
    ("http://", "names no host"),
    ("http://:80", "names no host"),
    ("http://u:secret@h", "leave out what stands before the @"),
    ("http://h:0", "a number from 1 to 65535"),
    ("http://h:65536", "a number from 1 to 65535"),
    ("http://h:", "a number from 1 to 65535"),
    ("http://h:8a", "a number from 1 to 65535"),
    ("http://::1:80", "in brackets: [::1]:8080"),
    ("http://[::1", "closing bracket"),
    ("http://[1.2.3.4]", "is not an IPv6 address"),
    ("http://[::g]", "is not an IPv6 address"),
    ("http://[::1]8080", "is not a port"),
    ("http://ho st", "a blank"),
    ("http://höst", "xn--"),
    ("http://h\u{0}", "a blank, a backslash or a character outside ASCII"),
    ("http://h!", "is not a host name"),
    ("http://h?x=1", "has a query; leave it out"),
    ("http://h/#a", "has a fragment; leave it out"),
    ("http://h:8080/ws", "name the server alone: http://h:8080"),
    ("https://h/base/broadcast/", "name the server alone: https://h/base"),
  ]

  @Test("says how to mend what names no server", arguments: bad)
  func refuses(url: String, mending: String) throws {
    let error = #expect(throws: EndpointError.self) { try Endpoint(url) }
    #expect(error?.description.contains(mending) == true, "\(error?.description ?? "")")
  }

  @Test("never repeats a password")
  func hidesPassword() throws {
    let error = #expect(throws: EndpointError.self) { try Endpoint("http://user:secret@host") }
    #expect(error?.description.contains("secret") == false)
  }

  @Test("quotes the begin of what is long", arguments: ["", "ftp://", "http://", "http://[", "http://h:", "http://h?"])
  func cutsWhatIsLong(start: String) throws {
    let error = #expect(throws: EndpointError.self) { try Endpoint(start + String(repeating: "!", count: 300)) }
    #expect(error?.description.contains("…") == true)
    #expect((error?.description.utf8.count ?? 0) < 300)
  }

  @Test("puts its own path before the server's")
  func paths() throws {
    #expect(try Endpoint("http://h").path(for: "/ws") == "/ws")
    #expect(try Endpoint("http://h/a/b/").path(for: "/ws") == "/a/b/ws")
  }
}

extension EndpointTests.Good {
  init(
    _ url: String, _ host: String, _ port: Int, _ isTLS: Bool, _ basePath: String, _ hostHeader: String,
    _ description: String
  ) {
    self.init(
      url: url, host: host, port: port, isTLS: isTLS, basePath: basePath, hostHeader: hostHeader,
      description: description)
  }
}
