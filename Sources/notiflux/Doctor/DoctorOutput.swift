/// Where findings go as they are found: for people at once, for programs together at the end.
struct DoctorOutput: Sendable {
  enum Form: Sendable {
    case text
    /// Only what is wrong.
    case complaints
    case json
  }

  let form: Form
  private let status: StatusLine

  init(form: Form) {
    self.form = form
    status = StatusLine(isShown: form == .text)
  }

  func begin(_ report: DoctorReport) throws(StandardStream.Failure) {
    if form == .text { try StandardStream.output.write("notiflux doctor \(report.endpoint)\n\n") }
  }

  func show(_ findings: [Finding]) throws(StandardStream.Failure) {
    status.finish()
    guard form != .json else { return }
    let columns = min(StandardStream.output.columns ?? 100, 100)
    let isColoured = StandardStream.output.wantsColour
    for finding in findings where form == .text || finding.level == .warning || finding.level == .problem {
      try StandardStream.output.write(finding.text(columns: columns, isColoured: isColoured))
    }
  }

  /// Nothing will be seen for so long.
  func waiting(_ time: Duration) {
    if time > .zero { status.show("leaving connections alone for \(time.inWords) to see whether they last …") }
  }

  func end(_ report: DoctorReport) throws(StandardStream.Failure) {
    switch form {
    case .text: try StandardStream.output.write("\n\(report.summary)\n")
    case .complaints: break
    case .json: try StandardStream.output.write(report.json)
    }
  }
}
