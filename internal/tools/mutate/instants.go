package main

import (
	"go/ast"
	"go/types"
	"regexp"
	"slices"
)

// instantName is what an instant in milliseconds is called.
func instantName() *regexp.Regexp {
	return regexp.MustCompile(
		`^([nN]ow|stamp|[cC]utoff|[uU]ntil|[hH]appened|instant|[a-zA-Z]*([aA]vailable|At|Since|Time))$`)
}

// isInstant reports whether an expression says when something happens.
func (m *mutator) isInstant(e ast.Expr) bool {
	t := m.info.TypeOf(e)
	if t == nil || !types.Identical(t, types.Typ[types.Int64]) {
		return false
	}
	if call, ok := e.(*ast.CallExpr); ok && len(call.Args) == 0 {
		e = call.Fun
	}
	switch e := e.(type) {
	case *ast.Ident:
		variable, ok := m.info.Uses[e].(*types.Var)
		return ok && !variable.IsField() && instantName().MatchString(e.Name)
	case *ast.SelectorExpr:
		return instantName().MatchString(e.Sel.Name)
	}
	return false
}

// instantsOf lists the instants that a function names, and those of its receiver.
func (m *mutator) instantsOf(function *ast.FuncDecl) []string {
	var found []string
	seen := map[string]bool{}
	add := func(text string) {
		if !seen[text] {
			seen[text] = true
			found = append(found, text)
		}
	}
	if r := function.Recv; r != nil && len(r.List) == 1 && len(r.List[0].Names) == 1 {
		t := m.info.TypeOf(r.List[0].Type)
		if pointer, ok := t.(*types.Pointer); ok {
			t = pointer.Elem()
		}
		if fields, ok := t.Underlying().(*types.Struct); ok {
			for f := range fields.Fields() {
				if instantName().MatchString(f.Name()) && types.Identical(f.Type(), types.Typ[types.Int64]) {
					add(r.List[0].Names[0].Name + "." + f.Name())
				}
			}
		}
	}
	ast.Inspect(function, func(n ast.Node) bool {
		if e, ok := n.(ast.Expr); ok && m.isInstant(e) {
			add(string(m.text(e)))
		}
		return true
	})
	return found
}

// instant puts another instant of the function in place of one: what was available when
// the commission is becomes available now.
func (m *mutator) instant(e ast.Expr) {
	if !m.isInstant(e) {
		return
	}
	switch parent := m.parents[len(m.parents)-1].(type) {
	case *ast.AssignStmt:
		if slices.Contains(parent.Lhs, e) {
			return
		}
	case *ast.KeyValueExpr:
		if parent.Key == e {
			return
		}
	case *ast.SelectorExpr, *ast.Field, *ast.ValueSpec, *ast.UnaryExpr:
		return
	case *ast.CallExpr:
		if parent.Fun == e {
			return
		}
	}
	was := string(m.text(e))
	for _, other := range m.instants {
		if other != was {
			m.replace("instant", e, e.Pos(), e.End(), other)
		}
	}
}
