"""`python -m server.cli` is `experience-mcp`."""

from server.cli.main import main

if __name__ == "__main__":
    main(prog_name="experience-mcp")
