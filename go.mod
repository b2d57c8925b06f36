module github.com/galeweb/gale

go 1.26
