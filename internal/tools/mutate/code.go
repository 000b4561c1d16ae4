package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/constant"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Code is the packages of the files that are changed.
type code struct {
	root     string
	packages []*source
	chosen   map[string]*source // by file
	// words are the constants that can stand for one another: those of one type, or of
	// one declaration if they have no type of their own. The key is the import path and
	// the name.
	words map[string][]string
	// texts are the same by their values.
	texts map[string][]string
}

// A source is a package that was parsed and checked.
type source struct {
	path     string // of import
	set      *token.FileSet
	imports  types.Importer
	files    map[string]*ast.File // by their names from the root
	contents map[string][]byte
	types    *types.Package
	info     *types.Info
}

// load reads the files that match patterns, and the packages that they are in.
func load(ctx context.Context, root string, patterns []string) (*code, error) {
	c := &code{root: root, chosen: map[string]*source{}, words: map[string][]string{}, texts: map[string][]string{}}
	var files, folders []string
	for _, pattern := range patterns {
		matches, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
		if err != nil {
			return nil, fmt.Errorf("the pattern %q: %w", pattern, err)
		}
		matches = slices.DeleteFunc(matches, func(name string) bool { return strings.HasSuffix(name, "_test.go") })
		if len(matches) == 0 {
			return nil, fmt.Errorf("no file matches %q", pattern)
		}
		for _, name := range matches {
			file, err := filepath.Rel(root, name)
			if err != nil {
				return nil, err
			}
			file = filepath.ToSlash(file)
			files = append(files, file)
			folders = append(folders, "./"+path.Dir(file))
		}
	}
	slices.Sort(folders)
	listed, err := list(ctx, root, slices.Compact(folders))
	if err != nil {
		return nil, err
	}
	exported := map[string]string{}
	for _, p := range listed {
		exported[p.ImportPath] = p.Export
	}
	set := token.NewFileSet()
	imports := importer.ForCompiler(set, "gc", func(name string) (io.ReadCloser, error) { return os.Open(exported[name]) })
	for _, p := range listed {
		if p.DepOnly {
			continue
		}
		s := &source{
			path: p.ImportPath, set: set, imports: imports,
			files: map[string]*ast.File{}, contents: map[string][]byte{},
		}
		for _, name := range p.GoFiles {
			file, err := filepath.Rel(root, filepath.Join(p.Dir, name))
			if err != nil {
				return nil, err
			}
			if s.contents[filepath.ToSlash(file)], err = os.ReadFile(filepath.Join(p.Dir, name)); err != nil {
				return nil, err
			}
		}
		if err := s.parse(); err != nil {
			return nil, err
		}
		c.packages = append(c.packages, s)
		for file := range s.files {
			if slices.Contains(files, file) {
				c.chosen[file] = s
			}
		}
		c.learn(s)
	}
	return c, nil
}

// A listedPackage is what go list says of a package.
type listedPackage struct {
	ImportPath, Dir, Export string
	GoFiles                 []string
	DepOnly                 bool
}

func list(ctx context.Context, root string, folders []string) ([]listedPackage, error) {
	args := append([]string{"list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles,DepOnly"}, folders...)
	cmd := exec.CommandContext(ctx, "go", args...)
	var stderr bytes.Buffer
	cmd.Dir, cmd.Stderr = root, &stderr
	output, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w: %s", err, stderr.Bytes())
	}
	var listed []listedPackage
	for decoder := json.NewDecoder(bytes.NewReader(output)); ; {
		var p listedPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return listed, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		listed = append(listed, p)
	}
}

// parse parses and checks the whole package.
func (s *source) parse() error {
	for file, content := range s.contents {
		parsed, err := parser.ParseFile(s.set, file, content, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		s.files[file] = parsed
	}
	s.info = &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{},
	}
	var err error
	s.types, err = s.checked(s.files, s.info)
	return err
}

func (s *source) checked(files map[string]*ast.File, info *types.Info) (*types.Package, error) {
	var ordered []*ast.File
	for _, file := range slices.Sorted(maps.Keys(files)) {
		ordered = append(ordered, files[file])
	}
	config := types.Config{Importer: s.imports}
	return config.Check(s.path, s.set, ordered, info)
}

// changed is the content of a mutant's file.
func (c *code) changed(m *mutant) []byte { return apply(c.chosen[m.file].contents[m.file], m.edits) }

// check returns why a mutant does not compile, and nil if it does.
func (c *code) check(m *mutant) error {
	s := c.chosen[m.file]
	parsed, err := parser.ParseFile(s.set, m.file, c.changed(m), parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	files := maps.Clone(s.files)
	files[m.file] = parsed
	_, err = s.checked(files, nil)
	return err
}

// difference shows the lines that a mutant changes.
func (c *code) difference(m *mutant) string {
	before := strings.SplitAfter(string(c.chosen[m.file].contents[m.file]), "\n")
	after := strings.SplitAfter(string(c.changed(m)), "\n")
	for len(before) > 0 && len(after) > 0 && before[0] == after[0] {
		before, after = before[1:], after[1:]
	}
	for len(before) > 0 && len(after) > 0 && before[len(before)-1] == after[len(after)-1] {
		before, after = before[:len(before)-1], after[:len(after)-1]
	}
	var text strings.Builder
	for _, line := range before {
		text.WriteString("\t-" + line)
	}
	for _, line := range after {
		text.WriteString("\t+" + line)
	}
	return text.String()
}

// learn notes which constants of a package can stand for one another.
func (c *code) learn(s *source) {
	for _, file := range s.files {
		for _, declaration := range file.Decls {
			group, ok := declaration.(*ast.GenDecl)
			if !ok || group.Tok != token.CONST {
				continue
			}
			var names, values []string
			var kind types.Type
			for _, spec := range group.Specs {
				for _, name := range spec.(*ast.ValueSpec).Names {
					word, ok := s.info.Defs[name].(*types.Const)
					if !ok || !isText(word.Type()) || kind != nil && !types.Identical(kind, word.Type()) {
						continue
					}
					kind = word.Type()
					names = append(names, name.Name)
					values = append(values, constant.StringVal(word.Val()))
				}
			}
			for i := range names {
				c.words[s.path+"."+names[i]] = names
				if c.texts[values[i]] == nil {
					c.texts[values[i]] = values
				}
			}
		}
	}
}

func isText(t types.Type) bool {
	basic, ok := t.Underlying().(*types.Basic)
	return ok && basic.Info()&types.IsString != 0
}

// instead are the constants that can stand for a constant.
func (c *code) instead(word *types.Const) []string {
	if word.Pkg() == nil || !isText(word.Type()) {
		return nil
	}
	names := c.words[word.Pkg().Path()+"."+word.Name()]
	if _, ok := types.Unalias(word.Type()).(*types.Named); ok {
		names = nil
		scope := word.Pkg().Scope()
		for _, name := range scope.Names() {
			if other, ok := scope.Lookup(name).(*types.Const); ok && types.Identical(other.Type(), word.Type()) {
				names = append(names, name)
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name == word.Name() })
}

// mutants are all mutants of the chosen files, in their order.
func (c *code) mutants() []*mutant {
	var all []*mutant
	for _, file := range slices.Sorted(maps.Keys(c.chosen)) {
		s := c.chosen[file]
		if strings.HasSuffix(file, ".sql.go") {
			all = append(all, c.mutateQueries(s, file)...)
		} else {
			all = append(all, c.mutateGo(s, file)...)
		}
	}
	slices.SortStableFunc(all, func(a, b *mutant) int { return strings.Compare(a.file, b.file) })
	return number(all)
}
