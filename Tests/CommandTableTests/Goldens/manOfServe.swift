// swift-format-ignore-file

extension Golden {
  static let manOfServe = ##"""
.TH CHAT\-SERVE 1 "2026-11-23" "chat 1.2.3" "User Commands"
.SH NAME
chat\-serve \- run the server
.SH SYNOPSIS
\fBchat\fR \fBserve\fR [\fIOPTIONS\fR]
.SH DESCRIPTION
Serves until it is told to stop.
With \fB\-\-port\fR \fB0\fR the port is logged.
.SH OPTIONS
.TP
\fB\-\-host\fR \fIHOST\fR
Listen on HOST.
.IP
A name stands for its first address.
.IP
Default: 127.0.0.1.
Environment: HOST.
.TP
\fB\-p\fR, \fB\-\-port\fR \fIPORT\fR
Listen on PORT; 0 takes a free one.
.IP
Accepts an integer from 0 to 65535.
Default: 8080.
Environment: PORT.
.TP
\fB\-\-workers\fR \fIN\fR
Run N event loops.
.IP
Accepts an integer from 1 to 1024.
Default: number of cores.
Environment: WORKER_COUNT.
.TP
\fB\-\-log\-format\fR \fBtext\fR|\fBjson\fR
Write logs as text or as JSON.
.IP
Default: text.
Environment: LOG_FORMAT.
.TP
\fB\-\-color\fR, \fB\-\-no\-color\fR
Colour the log.
.IP
Default: on.
Environment: CHAT_COLOR.
.TP
\fB\-\-admin\fR \fIHOST:PORT\fR
Serve metrics on another address.
.IP
Accepts HOST:PORT such as 127.0.0.1:9090 or [::1]:9090.
.TP
\fB\-h\fR, \fB\-\-help\fR
Print help: \-h in short, \-\-help in full.
.TP
\fB\-V\fR, \fB\-\-version\fR
Print the version.
.SS "Security"
.TP
\fB\-k\fR, \fB\-\-public\-key\fR \fIFILE\fR
Trust the public key in FILE.
.IP
May be repeated.
Environment: KEY_FILES (several parted by colons).
.TP
\fBPUBLIC_KEY_B64\fR=\fIBASE64\fR
Trust this public key.
.SS "History"
.TP
\fB\-\-history\-size\fR \fISIZE\fR
Keep at most SIZE of messages.
.IP
Accepts a size such as 64KiB, 1MiB or 1MB, from 1KiB to 1TiB.
Default: 64MiB.
.TP
\fB\-\-history\-ttl\fR \fITIME\fR
Keep messages for TIME.
.IP
Accepts a duration such as 500ms, 15s, 5m or 1h, from 1s to 1d.
Default: 5m.
.SH EXIT STATUS
.TP
\fB0\fR
Done.
.TP
\fB1\fR
Failed.
.TP
\fB2\fR
Bad usage.
.SH ENVIRONMENT
.TP
\fBHOST\fR
Stands in for \fB\-\-host\fR.
.TP
\fBPORT\fR
Stands in for \fB\-\-port\fR.
.TP
\fBWORKER_COUNT\fR
Stands in for \fB\-\-workers\fR.
.TP
\fBKEY_FILES\fR
Stands in for \fB\-\-public\-key\fR.
.TP
\fBPUBLIC_KEY_B64\fR
Trust this public key.
.TP
\fBLOG_FORMAT\fR
Stands in for \fB\-\-log\-format\fR.
.TP
\fBCHAT_COLOR\fR
Stands in for \fB\-\-color\fR.
.TP
\fBNO_COLOR\fR
No colour, whatever it holds.
.TP
\fBCHAT_HOME\fR
Where it lives.
.SH SIGNALS
\fBSIGTERM\fR drains.
A second one stops at once.
.SH EXAMPLES
Listen on another port.
.PP
.RS 4
.EX
chat serve \-\-port 9000 \-k a.pem
.EE
.RE
.PP
The same by the environment.
.PP
.RS 4
.EX
PORT=9000 chat serve
.EE
.RE
.SH SEE ALSO
\fBchat\fR(1),
\fBchat\-token\fR(1),
\fBchat\-publish\fR(1),
\fBchat\-completion\fR(1)

"""##
}
