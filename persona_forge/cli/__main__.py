from persona_forge.cli import main

main()
