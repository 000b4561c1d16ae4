package postgres_test

import (
	"os"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "github.com/lib/pq"

	"github.com/refgrow-go/refgrow/postgres/internal/server"
)

func TestMain(m *testing.M) { os.Exit(server.Main(m)) }
