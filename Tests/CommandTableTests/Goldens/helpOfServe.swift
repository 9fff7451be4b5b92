// swift-format-ignore-file

extension Golden {
  static let helpOfServe = ##"""
Run the server

Usage: chat serve [OPTIONS]

Serves until it is told to stop. With --port 0 the port is logged.

Options:
      --host HOST         Listen on HOST.
                          A name stands for its first address.
                          [default: 127.0.0.1] [env: HOST]
  -p, --port PORT         Listen on PORT; 0 takes a free one
                          [accepts an integer from 0 to 65535] [default: 8080]
                          [env: PORT]
      --workers N         Run N event loops
                          [accepts an integer from 1 to 1024]
                          [default: number of cores] [env: WORKER_COUNT]
      --log-format text|json
                          Write logs as text or as JSON
                          [default: text] [env: LOG_FORMAT]
      --color, --no-color
                          Colour the log
                          [default: on] [env: CHAT_COLOR]
      --admin HOST:PORT   Serve metrics on another address
                          [accepts HOST:PORT such as 127.0.0.1:9090 or
                          [::1]:9090]
  -h, --help              Print help: -h in short, --help in full
  -V, --version           Print the version

Security:
  -k, --public-key FILE   Trust the public key in FILE
                          [may be repeated] [env: KEY_FILES, several parted by
                          colons]
  PUBLIC_KEY_B64=BASE64   Trust this public key

History:
      --history-size SIZE
                          Keep at most SIZE of messages
                          [accepts a size such as 64KiB, 1MiB or 1MB, from 1KiB
                          to 1TiB] [default: 64MiB]
      --history-ttl TIME  Keep messages for TIME
                          [accepts a duration such as 500ms, 15s, 5m or 1h, from
                          1s to 1d] [default: 5m]

Examples:
  Listen on another port.
      chat serve --port 9000 -k a.pem

  The same by the environment.
      PORT=9000 chat serve

"""##
}
