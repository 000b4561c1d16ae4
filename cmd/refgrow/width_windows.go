package main

import (
	"os"

	"golang.org/x/sys/windows"
)

// terminalColumns is how many columns a terminal has, 0 where a file is none.
func terminalColumns(file *os.File) int {
	var screen windows.ConsoleScreenBufferInfo
	if err := windows.GetConsoleScreenBufferInfo(windows.Handle(file.Fd()), &screen); err != nil {
		return 0
	}
	return int(screen.Window.Right-screen.Window.Left) + 1
}
