/// Metrics as Prometheus reads them (exposition formats, text format 0.0.4): families in the order given, each with its
/// help and kind.
struct MetricsText {
  static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  typealias Labels = KeyValuePairs<StaticString, String>

  private(set) var bytes: [UInt8] = []

  /// One value of a family, with what tells it from the others.
  struct Sample {
    let labels: Labels
    let value: String

    init(_ labels: Labels, _ value: some MetricValue) {
      self.labels = labels
      self.value = "\(value)"
    }
  }

  /// `name` ends in `_total`.
  mutating func counter(_ name: StaticString, _ help: StaticString, _ value: some MetricValue) {
    counter(name, help, samples: [Sample([:], value)])
  }

  mutating func counter(_ name: StaticString, _ help: StaticString, samples: [Sample]) {
    begin(name, "counter", help)
    for sample in samples { put(sample, of: name) }
  }

  mutating func gauge(_ name: StaticString, _ help: StaticString, _ value: some MetricValue) {
    gauge(name, help, samples: [Sample([:], value)])
  }

  mutating func gauge(_ name: StaticString, _ help: StaticString, samples: [Sample]) {
    begin(name, "gauge", help)
    for sample in samples { put(sample, of: name) }
  }

  mutating func histogram(_ name: StaticString, _ help: StaticString, _ histogram: LatencyHistogram) {
    begin(name, "histogram", help)
    var count = 0
    for (index, more) in histogram.counts.enumerated() {
      count += more
      let bound = index < LatencyHistogram.bounds.count ? "\(LatencyHistogram.bounds[index])" : "+Inf"
      put(Sample(["le": bound], count), of: name, "_bucket")
    }
    put(Sample([:], histogram.sum), of: name, "_sum")
    put(Sample([:], count), of: name, "_count")
  }

  private mutating func begin(_ name: StaticString, _ kind: StaticString, _ help: StaticString) {
    put("# HELP \(name) \(help)\n# TYPE \(name) \(kind)\n")
  }

  private mutating func put(_ sample: Sample, of name: StaticString, _ suffix: StaticString = "") {
    put("\(name)\(suffix)")
    if !sample.labels.isEmpty {
      put("{\(sample.labels.map { "\($0.key)=\"\(Self.escaped($0.value))\"" }.joined(separator: ","))}")
    }
    put(" \(sample.value)\n")
  }

  private static func escaped(_ value: String) -> String {
    value.unicodeScalars.reduce(into: "") { text, scalar in
      switch scalar {
      case "\\": text += "\\\\"
      case "\"": text += "\\\""
      case "\n": text += "\\n"
      default: text.unicodeScalars.append(scalar)
      }
    }
  }

  private mutating func put(_ text: String) { bytes += text.utf8 }
}

/// What a sample may have for its value.
protocol MetricValue {}

extension Int: MetricValue {}
extension UInt64: MetricValue {}
extension Double: MetricValue {}
