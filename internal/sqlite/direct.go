package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
)

// direct is a prepared statement that gives no rows and is run past database/sql,
// which takes microseconds to convert and to check what generated code hands over.
type direct struct {
	conn *sql.Conn
	stmt driverStmt
	args []driver.NamedValue // of the run that holds the connection
}

type driverStmt interface {
	driver.Stmt
	driver.StmtExecContext
}

func prepareDirect(ctx context.Context, conn *sql.Conn, query string) (*direct, error) {
	d := &direct{conn: conn}
	err := conn.Raw(func(c any) error {
		stmt, err := c.(driver.ConnPrepareContext).PrepareContext(ctx, query)
		if err != nil {
			return err
		}
		d.stmt = stmt.(driverStmt)
		return nil
	})
	return d, err
}

// close must come before the driver's connection is closed, which knows nothing of
// the statement: it would stay open in secret, with its lock.
func (d *direct) close() error {
	err := d.conn.Raw(func(any) error { return d.stmt.Close() })
	if errors.Is(err, sql.ErrConnDone) { // it is back in its pool
		err = d.stmt.Close()
	}
	return err
}

func (d *direct) exec(ctx context.Context, args []any) (result sql.Result, err error) {
	err = d.conn.Raw(func(any) error {
		defer func() { clear(d.args) }()
		d.args = d.args[:0]
		for i, arg := range args {
			value, err := valueOf(arg)
			if err != nil {
				return fmt.Errorf("argument %d: %w", i+1, err)
			}
			d.args = append(d.args, driver.NamedValue{Ordinal: i + 1, Value: value})
		}
		result, err = d.stmt.ExecContext(ctx, d.args)
		return err
	})
	return result, err
}

// valueOf is an argument as drivers take it. Those of generated code are of few types.
func valueOf(arg any) (driver.Value, error) {
	switch v := arg.(type) {
	case nil, int64, string, []byte:
		return v, nil
	case *int64:
		if v == nil {
			return nil, nil
		}
		return *v, nil
	case *string:
		if v == nil {
			return nil, nil
		}
		return *v, nil
	default:
		return driver.DefaultParameterConverter.ConvertValue(arg)
	}
}
