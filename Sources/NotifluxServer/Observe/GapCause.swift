/// Why somebody who came back was told of a gap. The raw value is the label of its metric.
enum GapCause: String, CaseIterable, Sendable {
  /// The history has let go of messages that were still to come (`--history-size`, `--history-ttl`, `--history-memory`).
  case evicted
  /// The cursor is of another log, as every one is after a restart: nobody can say what is missing.
  case otherLog = "other_log"
}
