"""`python -m deploy.observability` writes the rules and the dashboards."""

from deploy.observability.files import files

if __name__ == "__main__":
    for path, content in files().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
