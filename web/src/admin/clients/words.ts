import { addWords } from "../../words";
import en from "../../words/clients.en.json";
import ru from "../../words/clients.ru.json";

addWords({ en, ru });
