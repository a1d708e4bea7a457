from answerback.cli import main

main()
