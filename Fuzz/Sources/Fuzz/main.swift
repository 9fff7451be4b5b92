import CLibFuzzer
import Glibc

// fuzz TARGET [OPTIONS OF LIBFUZZER] [CORPUS…]: feeds one target with inputs. With files in place of directories each is
// run once, which reproduces a finding.

let targets: [any FuzzTarget.Type] = [
  Frames.self, Commands.self, Envelopes.self, Bodies.self, Lines.self, Requests.self, Connections.self, Tokens.self,
  Keys.self, Revocations.self, Cursors.self, CommandLines.self, Messages.self,
]

/// libFuzzer starts copies of this process, to which it hands its own options only.
let variable = "NOTIFLUX_FUZZ_TARGET"
var words = CommandLine.arguments
if words.count > 1, targets.contains(where: { $0.name == words[1] }) { setenv(variable, words.remove(at: 1), 1) }

guard let target = targets.first(where: { type in getenv(variable).map { String(cString: $0) } == type.name }) else {
  print(targets.map { $0.name }.joined(separator: "\n"))
  exit(words.count > 1 ? 2 : 0)
}
run(target, words)
