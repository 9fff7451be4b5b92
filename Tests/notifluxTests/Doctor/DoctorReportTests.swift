import NotifluxProtocol
import Testing

@testable import notiflux

@Suite("Doctor's report") struct DoctorReportTests {
  private let finding = Finding.problem(
    .websocket, "is \u{1B}[2Jrefused", why: "no browser can subscribe",
    Remedy("pass it on", in: .location("= /ws"), nginx: ["proxy_http_version 1.1;"]))

  @Test("says in lines what was seen, why it matters and what to do, and nothing a terminal would act upon")
  func text() {
    #expect(
      finding.text(columns: 80, isColoured: false) == """
        problem  websocket      is \\x1b[2Jrefused
                 why  no browser can subscribe
                 do   pass it on
                      nginx, in location = /ws { } of the site
                      (/etc/nginx/sites-enabled/ or conf.d/):
                        proxy_http_version 1.1;

        """)
    #expect(finding.text(columns: 80, isColoured: true).hasPrefix("\u{1B}[1;31mproblem  \u{1B}[0mwebsocket "))
  }

  @Test("names the file in which a directive of nginx belongs, and the block")
  func places() {
    func place(_ place: Remedy.Place) -> String? {
      let lines = Finding.warning(.limits, "", why: "", Remedy("", in: place, nginx: ["a 1;"])).text(
        columns: 100, isColoured: false)
      return lines.split(separator: "\n").first { $0.contains("nginx, in") }.map { String($0.drop { $0 == " " }) }
    }
    #expect(place(.main) == "nginx, in /etc/nginx/nginx.conf, outside of all blocks:")
    #expect(place(.server) == "nginx, in server { } of the site (/etc/nginx/sites-enabled/ or conf.d/):")
  }

  @Test("fills its lines, and breaks none that cannot be broken")
  func filled() {
    let finding = Finding.skipped(.limits, "one two three four five https://push.example.com/a/very/long/address six")
    #expect(
      finding.text(columns: 40, isColoured: false) == """
        skipped  limits         one two three
                                four five
                                https://push.example.com/a/very/long/address
                                six

        """)
  }

  @Test("is one object for programs, with the directives apart")
  func json() throws {
    let report = DoctorReport(endpoint: away, findings: [.ok(.reach, "there"), finding])
    let object = try #require(try JSONValue.parse(report.json).object)
    #expect(object["passed"]?.bool == false)
    #expect(object["problems"]?.number?.int == 1)
    guard case .array(let checks)? = object["checks"] else { throw CancellationError() }
    #expect(checks[0] == ["check": "reach", "level": "ok", "seen": "there"])
    #expect(checks[1].object?["nginx"] == ["place": "location = /ws", "directives": ["proxy_http_version 1.1;"]])
    #expect(report.summary == "1 problem, 0 warnings, 1 ok, 0 skipped")
  }
}
