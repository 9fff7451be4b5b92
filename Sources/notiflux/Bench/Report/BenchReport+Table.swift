import CommandTable

/// A report for people: what was asked for, rates, times, what was wrong, and how busy the generator was.
extension BenchReport {
  var table: String {
    var lines = [title, ""]
    if load.kind != .connect { lines += rates.lines + [""] }
    lines += times.lines + [""]
    if load.kind == .fanout { lines.append(checkLine) }
    lines += connectionLines + tallyLines + generatorLines + [verdict]
    return lines.map { $0 + "\n" }.joined()
  }

  private var title: String {
    var parts = ["\(load.kind.rawValue) \(load.endpoint)"]
    if load.kind != .publish { parts.append(Figures.count(load.subscribers, "subscriber")) }
    parts.append(Figures.count(load.topics, "topic"))
    if load.kind != .connect {
      parts.append(Figures.count(load.publishers, "publisher"))
      parts.append("\(grouped(load.size)) B")
    }
    if load.rate > 0 { parts.append("\(grouped(load.rate))/s") }
    parts.append(Figures.count(load.threads, "thread"))
    return parts.joined(separator: ", ")
  }

  private var rates: TextTable {
    var table = TextTable(["", "messages", "a second", "bytes a second"])
    func add(_ name: String, _ messages: ThreadFigures.Messages) {
      let rate = perSecond(messages.measured)
      table.add([
        name, grouped(messages.measured), rate.map(Figures.rate) ?? "-",
        rate.map { Figures.bytes($0 * Double(load.size)) } ?? "-",
      ])
    }
    add("published", figures.published)
    if load.kind == .fanout { add("delivered", figures.delivered) }
    return table
  }

  private var times: TextTable {
    var table = TextTable(["", "mean"] + Percentile.all.map(\.name) + ["max"])
    func add(_ name: String, _ histogram: Histogram) {
      guard histogram.count > 0, let mean = histogram.mean else {
        return table.add([name] + Array(repeating: "-", count: Percentile.all.count + 2))
      }
      let percentiles = Percentile.all.map { Figures.time(histogram.quantile($0.share) ?? 0) }
      table.add([name, Figures.time(Int(mean))] + percentiles + [Figures.time(histogram.greatest)])
    }
    if load.kind != .connect { add("until answered", figures.published.time) }
    if load.kind == .fanout { add("until delivered", figures.delivered.time) }
    if load.kind == .connect {
      add("until upgraded", figures.connections.upgradeTime)
      add("until subscribed", figures.connections.subscribeTime)
    }
    return table
  }

  private var checkLine: String {
    let foreign = figures.foreign > 0 ? "; \(grouped(figures.foreign)) of somebody else" : ""
    return "checked     \(grouped(expected)) deliveries of \(grouped(figures.published.total)) messages, warm-up "
      + "included: \(grouped(lost)) lost, \(grouped(figures.doubled)) doubled, "
      + "\(grouped(figures.reordered)) out of order\(foreign)"
  }

  private var connectionLines: [String] {
    guard load.kind != .publish else { return [] }
    let rate = connectionsPerSecond.map { ", \(Figures.rate($0))/s" } ?? ""
    return ["connected   \(grouped(figures.connections.subscribed)) subscribed\(rate), \(mode.isEmpty ? "-" : mode)"]
  }

  private var tallyLines: [String] {
    func lines(_ name: String, _ tally: Tally) -> [String] {
      tally.rows.map { "\(name)\(grouped($0.count)) × \(TerminalText.safe($0.name, lineFeeds: .shown))" }
    }
    var all = lines("failed      ", figures.connections.failures) + lines("closed      ", figures.connections.closed)
    all += lines("refused     ", figures.publishErrors)
    if figures.gaps > 0 { all.append("gaps        \(grouped(figures.gaps))") }
    if figures.strayed > 0 {
      all.append("astray      \(grouped(figures.strayed)) came to subscribers of another topic")
    }
    if figures.reconnects > 0 { all.append("reconnected \(Figures.count(figures.reconnects, "publisher connection"))") }
    return all
  }

  private var generatorLines: [String] {
    let busiest = generator.busiest
    let waited = busiest.waited >= 0.05 ? ", waited for a core \(percent(busiest.waited)) of the time" : ""
    var lines = [
      "generator   \(Figures.fraction(generator.used, digits: 2)) of \(Figures.count(generator.cores, "core")); its "
        + "busiest thread ran \(percent(busiest.used))\(waited)"
    ]
    if generator.mayHaveBeenTheLimit {
      let isAlone = generator.threads.count < generator.cores && busiest.used >= busiest.waited
      let advice = isAlone ? "try --threads \(generator.threads.count + 1)" : "run it on a machine of its own"
      lines.append("            it may have been the limit, and times may include its own delays; \(advice)")
    }
    if let shortfall {
      lines.append(
        "rate        only \(percent(shortfall)) of \(grouped(load.rate))/s could be sent, for answers came too late; more --publishers may help"
      )
    }
    return lines
  }

  private var verdict: String {
    let start = wasInterrupted ? "interrupted; " : ""
    let success =
      switch load.kind {
      case .fanout: "everything came once and in order"
      case .publish: "every publish was accepted"
      case .connect: "every connection was subscribed"
      }
    guard !hasPassed else { return "result      \(start)\(success)" }
    return "result      \(start)" + faults.map { "\(grouped($0.count)) \($0.name)" }.joined(separator: ", ")
  }

  private func percent(_ share: Double) -> String { "\(Figures.fraction(share * 100, digits: 0)) %" }
}

/// Columns as wide as what stands in them: the first to the left, all others to the right.
struct TextTable {
  private var rows: [[String]]

  init(_ titles: [String]) { rows = [titles] }

  mutating func add(_ row: [String]) { rows.append(row) }

  var lines: [String] {
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      zip(row, widths).enumerated().map { column, cell in
        let space = String(repeating: " ", count: cell.1 - cell.0.count)
        return column == 0 ? cell.0 + space : space + cell.0
      }.joined(separator: "   ")
    }
  }
}
