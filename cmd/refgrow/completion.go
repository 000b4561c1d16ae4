package main

import (
	"cmp"
	"context"
	"flag"
	"regexp"
	"slices"
	"strings"
)

const completionName = "completion"

func completionCommand() command {
	return command{
		name: completionName, operand: "SHELL...", summary: "print what lets a shell complete commands and flags",
		example: "refgrow completion bash > /etc/bash_completion.d/refgrow",
		text: "Prints a script for bash, zsh or fish, which completes commands, flags and the words that a flag takes:\n\n" +
			"  bash: refgrow completion bash > /etc/bash_completion.d/refgrow\n" +
			"  zsh:  refgrow completion zsh > \"${fpath[1]}/_refgrow\"\n" +
			"  fish: refgrow completion fish > ~/.config/fish/completions/refgrow.fish\n\n" +
			"The scripts ask \"refgrow completion words -- WORD...\" for what the last of the words may become: a line\n" +
			"for each, with a tab and what it means; \":file\" and \":directory\" stand for names of these.",
		prepare: func(*flag.FlagSet) work { return completion },
	}
}

func completion(_ context.Context, c *call) error {
	if c.operands[0] == "words" {
		for _, w := range completed(commands(), c.operands[1:]) {
			if err := c.stdout.printf("%s\t%s\n", w.word, w.text); err != nil {
				return err
			}
		}
		return nil
	}
	script, known := map[string]string{"bash": bashScript, "zsh": zshScript, "fish": fishScript}[c.operand]
	if !known {
		return usage("the SHELL must be bash, zsh or fish, not %q", c.operand)
	}
	return c.stdout.printf("%s", script)
}

// A completedWord is what a word may become.
type completedWord struct{ word, text string }

// completed says what the last of words may become, after those before it.
func completed(all []command, words []string) []completedWord {
	if len(words) == 0 {
		words = []string{""}
	}
	words = rejoined(words)
	before, last := words[:len(words)-1], words[len(words)-1]
	names, waiting, ended := readBefore(all, before)
	at, operands := find(names, all)
	name, value, hasValue := strings.Cut(strings.TrimLeft(last, "-"), "=")
	switch {
	case waiting != "":
		return valuesOf(all, at, waiting, "", last)
	case ended || !strings.HasPrefix(last, "-"):
		return namesOf(all, names, at, operands, last)
	case hasValue:
		return valuesOf(all, at, name, last[:len(last)-len(value)], value)
	}
	return flagsBeginning(all, at, last)
}

// rejoined has --flag=value as one word again, which bash has made three of. The value is
// then what bash completes.
func rejoined(words []string) []string {
	var all []string
	for i := range words {
		switch {
		case words[i] != "=" || len(all) == 0 || !strings.HasPrefix(all[len(all)-1], "--"):
			all = append(all, words[i])
		case i == len(words)-1: // nothing of the value yet
			all = append(all, "")
		}
	}
	return all
}

// readBefore takes the flags out of the words before the last one. waiting is the flag
// whose value the last one is, and after "--" there are no more flags.
func readBefore(all []command, words []string) (names []string, waiting string, ended bool) {
	for _, word := range words {
		switch {
		case waiting != "":
			waiting = ""
		case ended || len(word) < 2 || word[0] != '-':
			names = append(names, word)
		case word == "--":
			ended = true
		case !strings.Contains(word, "="):
			if name := strings.TrimLeft(word, "-"); takesValue(all, name) {
				waiting = name
			}
		}
	}
	return names, waiting, ended
}

// takesValue reports whether a flag does, which is the same for all commands.
func takesValue(all []command, name string) bool {
	return slices.ContainsFunc(all, func(cmd command) bool {
		return slices.ContainsFunc(flagHelps(cmd), func(f flagHelp) bool { return f.name == name && f.value != "" })
	})
}

// namesOf are the names of commands, and what the operand of one may be.
func namesOf(all []command, names []string, at int, operands []string, beginning string) []completedWord {
	if at >= 0 && all[at].operand != helpOperand && (all[at].operand != "" || len(operands) > 0) {
		if all[at].name == completionName && len(operands) == 0 {
			return beginningWith(beginning, "", []completedWord{{"bash", ""}, {"fish", ""}, {"zsh", ""}})
		}
		if value := all[at].operand; strings.Contains(value, "FILE") {
			return []completedWord{{":file", value}}
		}
		return nil
	}
	if at >= 0 && all[at].operand == helpOperand {
		names = operands
	}
	var found []completedWord
	for _, cmd := range all {
		words := strings.Fields(cmd.name)
		if len(words) <= len(names) || !slices.Equal(words[:len(names)], names) {
			continue
		}
		next, text := words[len(names)], cmd.summary
		if len(words) > len(names)+1 {
			text = "" // of a group; its commands have texts
		}
		if !slices.ContainsFunc(found, func(w completedWord) bool { return w.word == next }) {
			found = append(found, completedWord{next, text})
		}
	}
	return beginningWith(beginning, "", found)
}

// flagsBeginning are the flags of a command, and before there is one those that all have.
func flagsBeginning(all []command, at int, beginning string) []completedWord {
	var found []completedWord
	cmd := command{prepare: func(*flag.FlagSet) work { return nil }}
	if at >= 0 {
		cmd = all[at]
	}
	for _, f := range flagHelps(cmd) {
		found = append(found, completedWord{"--" + f.name, f.text})
	}
	return beginningWith(beginning, "", append(found, completedWord{"--help", "show what it does"}))
}

// valuesOf are what a flag of a command may be set to. Before there is a command it is a
// flag of any.
func valuesOf(all []command, at int, name, prefix, beginning string) []completedWord {
	if at >= 0 {
		all = all[at : at+1]
	}
	for _, cmd := range all {
		for _, f := range flagHelps(cmd) {
			switch {
			case f.name != name:
			case f.value == "FILE":
				return []completedWord{{":file", f.text}}
			case f.value == "DIRECTORY":
				return []completedWord{{":directory", f.text}}
			default:
				var found []completedWord
				for _, choice := range f.choices() {
					found = append(found, completedWord{choice, ""})
				}
				return beginningWith(beginning, prefix, found)
			}
		}
	}
	return nil
}

// choices are the words that a flag takes, where its help lists them: "WORD: purchase or
// signup; required".
func (f flagHelp) choices() []string {
	listed := regexp.MustCompile(`: ((?:[a-z_]+, )*[a-z_]+ or [a-z_]+)(?:;| \(|$)`).FindStringSubmatch(f.text)
	if listed == nil {
		return nil
	}
	return strings.Split(strings.ReplaceAll(listed[1], " or ", ", "), ", ")
}

func beginningWith(beginning, prefix string, words []completedWord) []completedWord {
	var found []completedWord
	for _, w := range words {
		if strings.HasPrefix(w.word, beginning) {
			found = append(found, completedWord{prefix + w.word, w.text})
		}
	}
	slices.SortStableFunc(found, func(a, b completedWord) int { return cmp.Compare(a.word, b.word) })
	return found
}

// The scripts know nothing of the commands: they ask the one that is being typed. bash 3,
// which macOS has, has neither mapfile nor compopt.
const (
	bashScript = `# bash completion for refgrow, printed by "refgrow completion bash"
_refgrow() {
    local cur="${COMP_WORDS[COMP_CWORD]}" word
    COMPREPLY=()
    [[ $cur == "=" ]] && cur=""
    while IFS=$'\t' read -r word _; do
        case $word in
            :file | :directory)
                local names="-f"
                [[ $word == ":directory" ]] && names="-d"
                compopt -o filenames 2>/dev/null
                while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen "$names" -- "$cur")
                ;;
            *) COMPREPLY+=("$word") ;;
        esac
    done < <("${COMP_WORDS[0]}" completion words -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _refgrow refgrow
`
	zshScript = `#compdef refgrow
# zsh completion for refgrow, printed by "refgrow completion zsh"
_refgrow() {
    local line word text
    local -a found
    while IFS= read -r line; do
        word=${line%%$'\t'*} text=${line#*$'\t'}
        case $word in
            :file) _files; return ;;
            :directory) _files -/; return ;;
            *) found+=("${word//:/\\:}:$text") ;;
        esac
    done < <(${(Q)words[1]} completion words -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)
    _describe refgrow found
}
if [[ $funcstack[1] == _refgrow ]]; then _refgrow "$@"; else compdef _refgrow refgrow; fi
`
	fishScript = `# fish completion for refgrow, printed by "refgrow completion fish"
function __refgrow_complete
    set -l before (commandline -opc)
    set -l last (commandline -ct)
    for line in ($before[1] completion words -- $before[2..-1] $last 2>/dev/null)
        switch $line
            case ':file*'
                __fish_complete_path $last
            case ':directory*'
                __fish_complete_directories $last
            case '*'
                echo $line
        end
    end
end
complete -c refgrow -f -a '(__refgrow_complete)'
`
)
