package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"modemgate/cmd/modemgate/config"
)

// Exit statuses.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
	exitConfig = 78 // the configuration is at fault
	exitStore  = 79 // the store is damaged
)

// env is what a command runs in.
type env struct {
	ctx    context.Context
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	flags  *flag.FlagSet
	args   []string // that are no flags
}

// command is one command or subcommand.
type command struct {
	name  string // "run", "sims list"
	args  string // for the usage line
	short string // one line of help
	long  string // more of it; may be empty
	nargs int    // how many arguments it takes; -1: any
	setup func(e *env) func() error
}

// failure is an error with a remedy.
type failure struct {
	what string
	err  error
	try  string
	code int
}

func (f *failure) Error() string {
	if f.err == nil {
		return f.what
	}
	return f.what + ": " + f.err.Error()
}

func (f *failure) Unwrap() error { return f.err }

// errUsage means that a command was used wrongly.
var errUsage = errors.New("wrong usage")

func commands() []command {
	return []command{
		runCommand(), demoCommand(), checkCommand(), probeCommand(), statusCommand(),
		simsList(), simsWhy(), simsSet(), simsImport(), simsExport(), simsForget(),
		messagesList(), messagesShow(), messagesTail(), messagesResend(), messagesExport(), messagesForget(),
		reservationsList(), reservationsEnd(),
		testsList(), testsShow(), testsRun(), monitorsList(), monitorsRun(), monitorsPause(), monitorsResume(),
		destinationsList(), destinationsTest(), destinationsPause(), destinationsResume(),
		routesTry(), auditList(), auditVerify(), auditExport(),
		decodePDU(), decodeAT(), selftestCommand(), backupCommand(), restoreCommand(), tokenCommand(), versionCommand(),
	}
}

// Main runs one command line and returns its exit status.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	all := commands()
	if len(args) == 0 {
		usage(stderr, all)
		return exitUsage
	}
	if args[0] == "-h" || args[0] == "--help" || args[0] == "-help" || args[0] == "help" {
		usage(stdout, all)
		return exitDone
	}
	c, rest := find(all, args)
	if c == nil {
		fmt.Fprintf(stderr, "modemgate: unknown command: %s\ntry: modemgate %s-h\n", strings.Join(args[:min(2, len(args))], " "), suggestion(all, args))
		return exitUsage
	}
	return c.run(rest, stdin, stdout, stderr)
}

// suggestion is the command that is most like a wrong one, with a blank; empty when none is.
func suggestion(all []command, args []string) string {
	var names []string
	for _, c := range all {
		names = append(names, c.name)
	}
	if near := config.Nearest(strings.Join(args[:min(2, len(args))], " "), names); near != "" {
		return near + " "
	}
	var words []string
	for _, name := range names {
		word, _, _ := strings.Cut(name, " ")
		words = append(words, word)
	}
	near := config.Nearest(args[0], words)
	for _, name := range names {
		if word, _, _ := strings.Cut(name, " "); near != "" && word == near {
			return name + " "
		}
	}
	return ""
}

// find looks for the command of two words, then of one.
func find(all []command, args []string) (*command, []string) {
	for n := min(2, len(args)); n > 0; n-- {
		name := strings.Join(args[:n], " ")
		for i := range all {
			if all[i].name == name {
				return &all[i], args[n:]
			}
		}
	}
	return nil, nil
}

func usage(w io.Writer, all []command) {
	fmt.Fprintln(w, "modemgate COMMAND [flags]")
	fmt.Fprintln(w)
	for _, c := range all {
		fmt.Fprintf(w, "  %-22s %s\n", c.name, c.short)
	}
	fmt.Fprintln(w, "\nmodemgate COMMAND -h tells more of one.")
}

func (c *command) run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	e := &env{ctx: context.Background(), stdin: stdin, stdout: stdout, stderr: stderr}
	e.flags = flag.NewFlagSet(c.name, flag.ContinueOnError)
	e.flags.SetOutput(io.Discard)
	run := c.setup(e)
	err := e.parse(args)
	if errors.Is(err, flag.ErrHelp) {
		c.help(stdout, e.flags)
		return exitDone
	}
	if err == nil && c.nargs >= 0 && len(e.args) != c.nargs {
		err = fmt.Errorf("%w: it takes %d arguments", errUsage, c.nargs)
	}
	if err == nil {
		err = run()
	} else if !errors.Is(err, errUsage) {
		err = fmt.Errorf("%w: %w", errUsage, err)
	}
	return report(stderr, c, err)
}

// parse reads flags wherever they stand.
func (e *env) parse(args []string) error {
	for {
		if err := e.flags.Parse(args); err != nil {
			return err
		}
		rest := e.flags.Args()
		if len(rest) == 0 {
			return nil
		}
		if n := len(args) - len(rest); n > 0 && args[n-1] == "--" {
			e.args = append(e.args, rest...)
			return nil
		}
		e.args = append(e.args, rest[0])
		args = rest[1:]
	}
}

func (c *command) help(w io.Writer, fs *flag.FlagSet) {
	fmt.Fprintf(w, "modemgate %s [flags] %s\n\n%s.\n", c.name, c.args, c.short)
	if c.long != "" {
		fmt.Fprintf(w, "\n%s\n", c.long)
	}
	fs.SetOutput(w)
	fmt.Fprintln(w)
	fs.PrintDefaults()
}

// report writes an error and returns the exit status.
func report(w io.Writer, c *command, err error) int {
	if err == nil {
		return exitDone
	}
	if errors.Is(err, errUsage) {
		fmt.Fprintf(w, "modemgate: %s: %s\ntry: modemgate %s -h\n", c.name, err, c.name)
		return exitUsage
	}
	if e, ok := errors.AsType[*config.Errors](err); ok {
		for _, f := range e.Faults {
			fmt.Fprintf(w, "modemgate: %s:%s\n", e.Path, f)
		}
		if f, ok := errors.AsType[*failure](err); ok && f.code != 0 {
			return f.code
		}
		return exitFailed
	}
	f, ok := errors.AsType[*failure](err)
	if !ok {
		fmt.Fprintf(w, "modemgate: %s: %s\n", c.name, oneLine(err.Error()))
		return exitFailed
	}
	fmt.Fprintf(w, "modemgate: %s\n", oneLine(f.Error()))
	if f.try != "" {
		fmt.Fprintf(w, "try: %s\n", f.try)
	}
	if f.code != 0 {
		return f.code
	}
	return exitFailed
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

const defaultConfig = "/etc/modemgate/modemgate.toml"

// configFlag adds -config.
func (e *env) configFlag() *string {
	return e.flags.String("config", os.Getenv("MODEMGATE_CONFIG"), "configuration `file` (also MODEMGATE_CONFIG; default "+defaultConfig+")")
}

// configPath is the file that is meant; empty: none is there.
func configPath(given string) string {
	if given != "" {
		return given
	}
	if _, err := os.Stat(defaultConfig); err == nil {
		return defaultConfig
	}
	return ""
}

// loadConfig reads the configuration that is meant.
func loadConfig(given string) (*config.Config, error) {
	path := configPath(given)
	if path == "" {
		return nil, &failure{what: "there is no configuration", try: "modemgate check -config FILE, or write " + defaultConfig}
	}
	c, err := config.Load(path)
	if err != nil {
		if _, ok := errors.AsType[*config.Errors](err); ok {
			return nil, err
		}
		return nil, &failure{what: "reading the configuration", err: err}
	}
	return c, nil
}
