// GNU readline for LineEditor.swift. Its settings are mutable globals, which Swift 6 does not let us touch: the
// functions below are the few we need. All of them, like readline itself, belong to one thread.
#ifndef NOTIFLUX_CREADLINE_H
#define NOTIFLUX_CREADLINE_H
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>
#include <readline/readline.h>
#include <readline/history.h>

// Sets readline up before its first prompt. Signals are ours, the environment
// is not changed behind other threads' backs, and nothing ever asks a question that would block the loop.
static inline void notiflux_rl_set_up(rl_completion_func_t *complete, rl_getc_func_t *read_byte) {
  rl_readline_name = "notiflux";
  rl_catch_signals = 0;
  rl_catch_sigwinch = 0;
  rl_change_environment = 0;
  rl_attempted_completion_function = complete;
  rl_completer_word_break_characters = " \t\n";
  rl_getc_function = read_byte;
  rl_initialize();
  rl_completion_query_items = 0;
  rl_variable_bind("page-completions", "off");
}

// Readline would fall back to file names where the completion function finds nothing.
static inline void notiflux_rl_no_file_names(void) { rl_attempted_completion_over = 1; }

static inline const char *notiflux_rl_line(void) { return rl_line_buffer ? rl_line_buffer : ""; }

static inline int notiflux_rl_point(void) { return rl_point; }

static inline void notiflux_rl_move_to_end(void) { rl_point = rl_end; }

// Whether a prompt of readline's own, such as that of a search, stands in place of ours.
static inline int notiflux_rl_prompt_is_borrowed(void) {
  return RL_ISSTATE(RL_STATE_ISEARCH | RL_STATE_NSEARCH | RL_STATE_NUMERICARG | RL_STATE_VIMOTION) != 0;
}

// <wchar.h> declares it only where X/Open is asked for, which Swift's importer does not do.
extern int wcwidth(wchar_t);

static inline int notiflux_columns(unsigned int scalar) {
  int columns = wcwidth((wchar_t)scalar);
  return columns > 0 ? columns : 0;
}

static inline void notiflux_rl_flush(void) { fflush(rl_outstream ? rl_outstream : stdout); }

static inline int notiflux_rl_is_eight_bit(void) { return MB_CUR_MAX == 1; }

#endif
