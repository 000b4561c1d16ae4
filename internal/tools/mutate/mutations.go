package main

import (
	"bytes"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strconv"
	"strings"
)

// A mutator walks over a file and collects its mutants.
type mutator struct {
	*code
	*source

	file    string
	content []byte
	parents []ast.Node // of the node that is looked at, the outermost first
	where   string
	// instants are the expressions of the function that say when something happens or
	// becomes available.
	instants []string
	mutants  []*mutant
}

func (c *code) mutateGo(s *source, file string) []*mutant {
	m := &mutator{code: c, source: s, file: file, content: s.contents[file]}
	for _, declaration := range s.files[file].Decls {
		m.where, m.instants = nameOf(declaration), nil
		if function, ok := declaration.(*ast.FuncDecl); ok {
			m.instants = m.instantsOf(function)
		}
		ast.Inspect(declaration, func(n ast.Node) bool {
			if n == nil {
				m.parents = m.parents[:len(m.parents)-1]
				return true
			}
			m.node(n)
			m.parents = append(m.parents, n)
			return true
		})
	}
	return m.mutants
}

// nameOf is "Book.Settle" for a method, and the first name of other declarations.
func nameOf(declaration ast.Decl) string {
	switch d := declaration.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil || len(d.Recv.List) == 0 {
			return d.Name.Name
		}
		receiver := d.Recv.List[0].Type
		if star, ok := receiver.(*ast.StarExpr); ok {
			receiver = star.X
		}
		if name, ok := receiver.(*ast.Ident); ok {
			return name.Name + "." + d.Name.Name
		}
		return d.Name.Name
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.ValueSpec:
				return s.Names[0].Name
			case *ast.TypeSpec:
				return s.Name.Name
			}
		}
	}
	return ""
}

func (m *mutator) node(n ast.Node) {
	switch n := n.(type) {
	case *ast.BinaryExpr:
		m.binary(n)
	case *ast.UnaryExpr:
		if kind := map[token.Token]string{token.NOT: "negation", token.SUB: "sign"}[n.Op]; kind != "" {
			m.replace(kind, n, n.OpPos, n.X.Pos(), "")
		}
	case *ast.AssignStmt:
		m.assignment(n)
	case *ast.IncDecStmt:
		m.replace("operator", n, n.TokPos, n.End(), map[token.Token]string{token.INC: "--", token.DEC: "++"}[n.Tok])
	case *ast.BasicLit:
		m.number(n)
	case *ast.Ident:
		m.word(n)
	case *ast.IfStmt:
		if n.Else != nil {
			m.remove("statement", n.Else, n.Body.End())
		}
		m.negate(n.Cond)
	case *ast.ForStmt:
		if n.Cond != nil {
			m.negate(n.Cond)
		}
	case *ast.SwitchStmt:
		if n.Tag == nil {
			for _, clause := range n.Body.List {
				for _, condition := range clause.(*ast.CaseClause).List {
					m.negate(condition)
				}
			}
		}
		m.cases(n.Body)
	case *ast.TypeSwitchStmt:
		m.cases(n.Body)
	case *ast.BlockStmt:
		m.statements(n.List)
	case *ast.CaseClause:
		m.statements(n.Body)
	case *ast.CallExpr:
		m.call(n)
	case *ast.CompositeLit:
		m.fields(n)
	}
	if e, ok := n.(ast.Expr); ok {
		m.instant(e)
	}
}

// add adds a mutant with edits within a node. It shows the largest piece of code around
// the node that fits on a line.
func (m *mutator) add(kind string, within ast.Node, edits ...edit) {
	shown := within
	for _, parent := range slices.Backward(m.parents) {
		if text := m.text(parent); !isPiece(parent) || len(text) > longest || bytes.ContainsRune(text, '\n') {
			break
		}
		shown = parent
	}
	from := m.offset(shown.Pos())
	moved := make([]edit, len(edits))
	for i, e := range edits {
		moved[i] = edit{e.from - from, e.to - from, e.text}
	}
	text := m.text(shown)
	m.mutants = append(m.mutants, &mutant{
		file: m.file, line: m.set.Position(within.Pos()).Line, where: m.where, kind: kind,
		was: short(text), is: short(apply(text, moved)), edits: edits,
	})
}

// isPiece reports whether a node can be shown as what a mutant changes.
func isPiece(n ast.Node) bool {
	switch n.(type) {
	case ast.Expr, *ast.AssignStmt, *ast.ReturnStmt, *ast.ExprStmt, *ast.IncDecStmt, *ast.ValueSpec:
		return true
	}
	return false
}

func (m *mutator) offset(p token.Pos) int { return m.set.Position(p).Offset }

func (m *mutator) text(n ast.Node) []byte { return m.content[m.offset(n.Pos()):m.offset(n.End())] }

func (m *mutator) replace(kind string, within ast.Node, from, to token.Pos, text string) {
	m.add(kind, within, edit{m.offset(from), m.offset(to), text})
}

// remove removes a node, with what stands between a position and it.
func (m *mutator) remove(kind string, n ast.Node, from token.Pos) {
	m.mutants = append(m.mutants, &mutant{
		file: m.file, line: m.set.Position(n.Pos()).Line, where: m.where, kind: kind,
		was: short(m.text(n)), edits: []edit{{m.offset(from), m.offset(n.End()), ""}},
	})
}

func (m *mutator) binary(n *ast.BinaryExpr) {
	kind, instead := "operator", map[token.Token]string{
		token.ADD: "-", token.SUB: "+", token.MUL: "/", token.QUO: "*", token.REM: "*",
		token.LAND: "||", token.LOR: "&&",
		token.EQL: "!=", token.NEQ: "==",
		token.LSS: "<=", token.LEQ: "<", token.GTR: ">=", token.GEQ: ">",
	}[n.Op]
	switch n.Op {
	case token.ADD:
		if isText(m.info.TypeOf(n)) {
			return
		}
	case token.LSS, token.LEQ, token.GTR, token.GEQ:
		kind = "bound"
	case token.LAND, token.LOR:
		kind = "condition"
		m.negateOperand(n.X)
		m.negateOperand(n.Y)
	case token.EQL, token.NEQ:
		kind = "condition"
		if m.asksForError(n) {
			return
		}
	}
	if instead != "" {
		m.replace(kind, n, n.OpPos, n.OpPos+token.Pos(len(n.Op.String())), instead)
	}
}

// asksForError reports whether an expression is "err != nil" or its like. To turn it
// round breaks everything at once, and says nothing about a test.
func (m *mutator) asksForError(e ast.Expr) bool {
	n, ok := e.(*ast.BinaryExpr)
	return ok && (n.Op == token.EQL || n.Op == token.NEQ) &&
		types.Identical(m.info.TypeOf(n.X), types.Universe.Lookup("error").Type()) &&
		m.info.Types[n.Y].IsNil()
}

// negate turns a condition round, unless that is a change of its operator.
func (m *mutator) negate(e ast.Expr) {
	switch n := e.(type) {
	case *ast.BinaryExpr:
		if n.Op == token.EQL || n.Op == token.NEQ {
			return
		}
	case *ast.UnaryExpr:
		if n.Op == token.NOT {
			return
		}
	}
	from, to := m.offset(e.Pos()), m.offset(e.End())
	m.add("condition", e, edit{from, from, "!("}, edit{to, to, ")"})
}

func (m *mutator) negateOperand(e ast.Expr) {
	switch e.(type) {
	case *ast.Ident, *ast.SelectorExpr, *ast.CallExpr:
		m.replace("negation", e, e.Pos(), e.Pos(), "!")
	}
}

func (m *mutator) assignment(n *ast.AssignStmt) {
	instead := map[token.Token]string{
		token.ADD_ASSIGN: "-=", token.SUB_ASSIGN: "+=", token.MUL_ASSIGN: "/=", token.QUO_ASSIGN: "*=",
	}[n.Tok]
	if instead != "" && !isText(m.info.TypeOf(n.Lhs[0])) {
		m.replace("operator", n, n.TokPos, n.TokPos+2, instead)
	}
}

// withError reports whether the node that is looked at is returned next to an error,
// where no caller reads it.
func (m *mutator) withError() bool {
	for _, parent := range slices.Backward(m.parents) {
		switch p := parent.(type) {
		case *ast.ReturnStmt:
			last := p.Results[len(p.Results)-1]
			return len(p.Results) > 1 && !m.info.Types[last].IsNil() &&
				types.Identical(m.info.TypeOf(last), types.Universe.Lookup("error").Type())
		case *ast.CallExpr, ast.Stmt:
			return false
		}
	}
	return false
}

// number makes a whole number one more and one less.
func (m *mutator) number(n *ast.BasicLit) {
	if n.Kind != token.INT || m.withError() {
		return
	}
	value, err := strconv.ParseInt(strings.ReplaceAll(n.Value, "_", ""), 0, 64)
	if err != nil {
		return
	}
	for _, other := range []int64{value + 1, value - 1} {
		m.replace("constant", n, n.Pos(), n.End(), strconv.FormatInt(other, 10))
	}
}

// word puts another constant in place of one, such as another kind of entry.
func (m *mutator) word(n *ast.Ident) {
	constant, ok := m.info.Uses[n].(*types.Const)
	if !ok || m.withError() {
		return
	}
	switch constant {
	case types.Universe.Lookup("true"):
		m.replace("constant", n, n.Pos(), n.End(), "false")
	case types.Universe.Lookup("false"):
		m.replace("constant", n, n.Pos(), n.End(), "true")
	}
	for _, name := range m.instead(constant) {
		m.replace("kind", n, n.Pos(), n.End(), name)
	}
}

// cases drops each case of a switch that does something, or keeps others from the
// default.
func (m *mutator) cases(body *ast.BlockStmt) {
	otherwise := false
	for _, clause := range body.List {
		otherwise = otherwise || clause.(*ast.CaseClause).List == nil
	}
	for _, clause := range body.List {
		c := clause.(*ast.CaseClause)
		if len(c.List) == 1 && m.asksForError(c.List[0]) {
			m.remove("error", c, c.Pos())
		} else if otherwise || len(c.Body) > 0 {
			m.remove("case", c, c.Pos())
		}
	}
}

// statements removes each statement of a list, if it can be left out at all.
func (m *mutator) statements(list []ast.Stmt) {
	for _, s := range list {
		switch s := s.(type) {
		case *ast.CaseClause, *ast.CommClause, *ast.DeclStmt, *ast.EmptyStmt, *ast.LabeledStmt:
			continue
		case *ast.AssignStmt:
			if s.Tok == token.DEFINE {
				continue
			}
		case *ast.IfStmt:
			if s.Init == nil && m.asksForError(s.Cond) {
				m.remove("error", s, s.Pos())
				continue
			}
		}
		kind := "statement"
		if parent, ok := m.parents[len(m.parents)-1].(*ast.IfStmt); ok && len(list) == 1 && parent.Else == nil {
			if parent.Init == nil {
				continue // the same as to remove the if
			}
			if m.asksForError(parent.Cond) {
				kind = "error"
			}
		}
		m.remove(kind, s, s.Pos())
	}
}

// call swaps neighboring arguments of one type, and min with max, or takes one of their
// arguments alone.
func (m *mutator) call(n *ast.CallExpr) {
	if name, ok := n.Fun.(*ast.Ident); ok {
		switch m.info.Uses[name] {
		case types.Universe.Lookup("min"):
			m.replace("bound", n, name.Pos(), name.End(), "max")
		case types.Universe.Lookup("max"):
			m.replace("bound", n, name.Pos(), name.End(), "min")
		default:
			name = nil
		}
		if name != nil {
			for _, argument := range n.Args {
				m.replace("bound", n, n.Pos(), n.End(), string(m.text(argument)))
			}
			return
		}
	}
	signature, ok := m.info.TypeOf(n.Fun).(*types.Signature)
	if !ok {
		return
	}
	params := signature.Params()
	fixed := params.Len()
	if signature.Variadic() {
		fixed--
	}
	for i := 1; i < min(fixed, len(n.Args)); i++ {
		if types.Identical(params.At(i-1).Type(), params.At(i).Type()) {
			m.swap(n.Args[i-1], n.Args[i])
		}
	}
}

// fields swaps the values of neighboring fields of one type.
func (m *mutator) fields(n *ast.CompositeLit) {
	if _, ok := m.info.TypeOf(n).Underlying().(*types.Struct); !ok {
		return
	}
	value := func(e ast.Expr) ast.Expr {
		if field, ok := e.(*ast.KeyValueExpr); ok {
			return field.Value
		}
		return e
	}
	for i := 1; i < len(n.Elts); i++ {
		a, b := value(n.Elts[i-1]), value(n.Elts[i])
		if types.Identical(m.info.TypeOf(a), m.info.TypeOf(b)) {
			m.swap(a, b)
		}
	}
}

func (m *mutator) swap(a, b ast.Expr) {
	from, to := string(m.text(a)), string(m.text(b))
	if from == to || isSentence(a) || isSentence(b) {
		return
	}
	kept := m.content[m.offset(a.End()):m.offset(b.Pos())]
	m.mutants = append(m.mutants, &mutant{
		file: m.file, line: m.set.Position(a.Pos()).Line, where: m.where, kind: "argument",
		was: short([]byte(from + string(kept) + to)), is: short([]byte(to + string(kept) + from)),
		edits: []edit{{m.offset(a.Pos()), m.offset(a.End()), to}, {m.offset(b.Pos()), m.offset(b.End()), from}},
	})
}

// isSentence reports whether an expression is a text for people.
func isSentence(e ast.Expr) bool {
	literal, ok := e.(*ast.BasicLit)
	return ok && literal.Kind == token.STRING && strings.Contains(literal.Value, " ")
}
