import NotifluxProtocol

/// A report for programs: one object. Times are in microseconds, rates a second, and say so in their names.
extension BenchReport {
  var json: [UInt8] { JSONValue.object(object).serialized() + [UInt8(ascii: "\n")] }

  private var object: JSONObject {
    var object: JSONObject = [
      "command": .string(load.kind.rawValue), "url": .string(load.endpoint.description), "passed": .bool(hasPassed),
      "interrupted": .bool(wasInterrupted),
    ]
    object["load"] = loadObject
    if load.kind != .connect { object["seconds"] = Self.number(seconds) }
    if load.kind != .publish { object["connections"] = connections }
    if load.kind != .connect { object["published"] = published }
    if load.kind == .fanout {
      object["delivered"] = delivered
      object["check"] = [
        "expected": number(expected), "lost": number(lost), "doubled": number(figures.doubled),
        "reordered": number(figures.reordered), "strayed": number(figures.strayed), "gaps": number(figures.gaps),
        "foreign": number(figures.foreign),
      ]
    }
    object["generator"] = generatorObject
    return object
  }

  private var loadObject: JSONValue {
    var object: JSONObject = ["topics": number(load.topics), "threads": number(load.threads)]
    if load.kind != .publish { object["subscribers"] = number(load.subscribers) }
    if load.kind != .connect {
      object["publishers"] = number(load.publishers)
      object["size"] = number(load.size)
    }
    object["rate"] = number(load.rate)
    return .object(object)
  }

  private var connections: JSONValue {
    let connections = figures.connections
    return [
      "mode": .string(mode), "subscribed": number(connections.subscribed),
      "perSecond": Self.number(connectionsPerSecond), "failures": Self.object(connections.failures),
      "closed": Self.object(connections.closed), "upgradeMicroseconds": Self.object(connections.upgradeTime),
      "subscribeMicroseconds": Self.object(connections.subscribeTime),
    ]
  }

  private var published: JSONValue {
    messages(figures.published, timeName: "roundTripMicroseconds") {
      $0["errors"] = Self.object(figures.publishErrors)
      $0["reconnects"] = number(figures.reconnects)
    }
  }

  private var delivered: JSONValue { messages(figures.delivered, timeName: "latencyMicroseconds") { _ in } }

  private func messages(
    _ messages: ThreadFigures.Messages, timeName: String, _ more: (inout JSONObject) -> Void
  ) -> JSONValue {
    var object: JSONObject = [
      "total": number(messages.total), "measured": number(messages.measured),
      "perSecond": Self.number(perSecond(messages.measured)),
      "bytesPerSecond": Self.number(perSecond(messages.measured * load.size)),
    ]
    object[timeName] = Self.object(messages.time)
    more(&object)
    return .object(object)
  }

  private var generatorObject: JSONValue {
    [
      "cores": number(generator.cores), "used": Self.number(generator.used),
      "threads": .array(
        generator.threads.map { ["used": Self.number($0.used), "waited": Self.number($0.waited)] }),
      "mayHaveBeenTheLimit": .bool(generator.mayHaveBeenTheLimit),
    ]
  }

  private func number(_ value: Int) -> JSONValue { .number(JSONNumber(value)) }

  /// To a thousandth; `null` for what was not measured.
  private static func number(_ value: Double?) -> JSONValue {
    value.flatMap { JSONNumber(($0 * 1000).rounded() / 1000) }.map { .number($0) } ?? .null
  }

  private static func object(_ histogram: Histogram) -> JSONValue {
    var object: JSONObject = ["count": .number(JSONNumber(histogram.count))]
    func add(_ name: String, _ nanoseconds: Double?) { object[name] = number(nanoseconds.map { $0 / 1000 }) }
    add("mean", histogram.mean)
    for (name, share) in Percentile.all { add(name, histogram.quantile(share).map(Double.init)) }
    add("max", histogram.count > 0 ? Double(histogram.greatest) : nil)
    return .object(object)
  }

  private static func object(_ tally: Tally) -> JSONValue {
    var object = JSONObject()
    for (name, count) in tally.rows { object[name] = .number(JSONNumber(count)) }
    return .object(object)
  }
}

/// The percentiles a report names.
enum Percentile {
  static let all: [(name: String, share: Double)] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)]
}
